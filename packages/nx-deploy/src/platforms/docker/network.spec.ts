import { temporaryFolder } from '../../shell/programs.spec-support.js';
import { clientThatSays } from './client.spec-support.js';
import { createArguments, freeAddress, isAddressTaken, makeNetwork, NETWORK, parseSubnet, readAddresses, readSubnet, takenAddresses } from './network.js';

const root = temporaryFolder('network');
const says = (answers: string): ReturnType<typeof clientThatSays> => clientThatSays(root, answers);
const OWN = `'network inspect ${NETWORK}') echo '[{"labels":{"io.nx-deploy.role":"network"},"subnets":[{"subnet":"fd00::/64"},{"subnet":"10.89.0.0/24"}]}]' ;;`;
const NONE = '\'network inspect \'*) echo "Error: network not found" >&2; exit 125 ;;';
const subnet = { first: 0x0a590000, bits: 24 };

describe('the network of instances', () => {
  it('is known by its label and its addresses, whether docker or podman tells them', async () => {
    expect(await readSubnet(says(OWN).client)).toEqual(subnet);
    expect(await readSubnet(says(`*) echo '[{"Labels":{"io.nx-deploy.role":"network"},"IPAM":{"Config":[{"Gateway":"x"},{"Subnet":"10.89.0.0/24"}]}}]' ;;`).client)).toEqual(subnet);
    expect(await readSubnet(says(NONE).client)).toBeUndefined();
  });

  it.each([
    ['has no label', '{"Labels":{},"IPAM":{"Config":[{"Subnet":"10.89.0.0/24"}]}}'], ['has labels of its own', '{"labels":{"io.nx-deploy.role":"other"},"subnets":[{"subnet":"10.89.0.0/24"}]}'],
    ['tells of none', '{"Labels":null,"IPAM":{"Config":[{"Subnet":"10.89.0.0/24"}]}}'], ['has no addresses of IPv4', '{"Labels":{"io.nx-deploy.role":"network"},"IPAM":{"Config":null}}'],
  ])('is left alone when one of its name %s', async (_what, found) => {
    const { client, asked } = says(`'network inspect '*) echo '[${found}]' ;;`);
    await expect(makeNetwork(client)).rejects.toMatchObject({ code: 'ND-OWNER-CONFLICT', parts: { what: `the network ${NETWORK} was not made by nx-deploy`, where: 'podman' } });
    expect(asked()).toHaveLength(1);
  });

  it('gets addresses that nobody on the machine uses: those of a network that is gone again', async () => {
    const { client, asked } = says(`'network inspect ${NETWORK}') echo "Error: network not found" >&2; exit 125 ;;
'network inspect '*) echo '[{"subnets":[{"subnet":"10.89.4.0/24"}]}]' ;;
'network create '*|'network rm '*) ;;`);
    await makeNetwork(client);
    const passing = /^network create --label=io.nx-deploy.role=network (nx-deploy-[0-9a-f]{12})$/.exec(asked()[1] ?? '')?.[1];
    expect(asked().slice(2)).toEqual([
      `network inspect ${passing ?? 'none'}`, `network rm ${passing ?? 'none'}`,
      'network create --label=io.nx-deploy.role=network --subnet=10.89.4.0/24 --ip-range=10.89.4.128/25 --gateway=10.89.4.1 nx-deploy',
    ]);
  });

  it('cannot be made where the engine gives no addresses of IPv4, and nothing is left behind', async () => {
    const { client, asked } = says(`'network inspect ${NETWORK}') echo "Error: network not found" >&2; exit 125 ;;
'network inspect '*) echo '[{"subnets":[{"subnet":"fd00::/64"},{}]}]' ;;
'network create '*|'network rm '*) ;;`);
    await expect(makeNetwork(client)).rejects.toMatchObject({ code: 'ND-ENGINE-UNSUPPORTED', parts: { what: 'the engine gives a network no IPv4 addresses' } });
    expect(asked().at(-1)).toMatch(/^network rm nx-deploy-[0-9a-f]{12}$/);
  });
});

describe('addresses on the network', () => {
  const list = (ids: string): string => `'ps '*) printf '${ids}' ;;`;

  it('are taken by what was given one, also where it is stopped, and by nobody who is gone meanwhile', async () => {
    const { client } = says(`${OWN}
${list('a\\ta\\trunning\\nb\\tb\\texited\\nc\\tc\\trunning\\nd\\td\\tcreated\\n')}
'container inspect a') echo '[{"NetworkSettings":{"Networks":{"nx-deploy":{"IPAddress":"10.89.0.2","IPAMConfig":{"IPv4Address":"10.89.0.2"}}}}}]' ;;
'container inspect b') echo '[{"NetworkSettings":{"Networks":{"nx-deploy":{"IPAddress":"","IPAMConfig":{"IPv4Address":"10.89.0.3"}}}}}]' ;;
'container inspect d') echo '[{"NetworkSettings":{"Networks":{"nx-deploy":{"IPAMConfig":null},"other":{"IPAddress":"10.1.1.1"}}}}]' ;;
'container inspect '*) echo "Error: no such container c" >&2; exit 125 ;;`);
    expect(await readAddresses(client)).toEqual({ subnet, taken: new Set(['10.89.0.2', '10.89.0.3']) });
  });

  it('are none where the engine tells nothing of the networks of a container', async () => {
    expect(await takenAddresses(says(`${list('a\\ta\\trunning\\n')}\n'container inspect a') echo '[{"NetworkSettings":{"Networks":null}}]' ;;`).client)).toEqual([]);
    expect(await takenAddresses(says(`${list('a\\ta\\trunning\\n')}\n'container inspect a') echo '[{}]' ;;`).client)).toEqual([]);
  });

  it('cannot be given out when the network went', async () => {
    await expect(readAddresses(says(`${list('')}\n${NONE}`).client)).rejects.toMatchObject({ code: 'ND-ENGINE-FAILED', parts: { what: `the network ${NETWORK} is gone` } });
  });

  it('are given out of the lower half, the one that was just given back last, until none is left', () => {
    const small = { first: 0x0a000000, bits: 28 };
    expect(createArguments('n', small)).toContain('--ip-range=10.0.0.8/29');
    expect(freeAddress(small, [])).toBe('10.0.0.2');
    expect(freeAddress(small, ['10.0.0.2', '10.0.0.4'], '10.0.0.3')).toBe('10.0.0.5');
    expect(freeAddress(small, [], '10.0.0.7')).toBe('10.0.0.2');
    const taken: string[] = [];
    for (let next = freeAddress(small, taken); next !== undefined; next = freeAddress(small, taken, next)) taken.push(next);
    expect(taken).toEqual([2, 3, 4, 5, 6, 7].map((last) => `10.0.0.${last}`));
    // One of another network, as after that was made anew, is a place to begin like any other.
    expect(['10.0.0.2', '10.0.0.3', '10.0.0.4', '10.0.0.5', '10.0.0.6', '10.0.0.7']).toContain(freeAddress(small, [], '9.255.255.250'));
  });

  it.each([['fd00::/64'], ['10.0.0.0'], ['10.0.0.0/30'], ['10.0.0.0/7'], ['']])('are not taken out of %j', (text) => {
    expect(parseSubnet(text)).toBeUndefined();
  });

  it.each([
    ['Error response from daemon: failed to set up container networking: Address already in use', true],
    ['Error: IPAM error: requested ip address 10.89.0.2 is already allocated to container ID 5d', true],
    ['Error: requested address is already allocated', true],
    ['Error response from daemon: IP address 10.89.0.2 is already allocated', true],
    ['Error starting userland proxy: listen tcp4 0.0.0.0:80: bind: address already in use', false],
    ['Bind for 0.0.0.0:80 failed: port is already allocated', false],
  ])('are taken by another command: %s', (said, taken) => {
    expect(isAddressTaken(said)).toBe(taken);
  });
});
