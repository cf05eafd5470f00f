import { writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { temporaryFolder } from '../shell/programs.spec-support.js';
import { freePort, isFree, portRange } from './ports.js';

const root = temporaryFolder('ports');

async function holding<T>(host: string, work: (port: number) => Promise<T>): Promise<T> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, host, resolve));
  const address = server.address();
  try {
    return await work(address !== null && typeof address === 'object' ? address.port : 0);
  } finally {
    await new Promise((resolve) => server.close(resolve));
  }
}

describe('portRange', () => {
  it.each([
    ['the usual range', '32768\t60999\n', 22_768, 32_767],
    ['a range from high up', '49152 65535', 39_152, 49_151],
    ['a range from far down, which leaves nothing below', '1024 65535', 1_024, 11_023],
    ['something else', 'rubbish', 22_768, 32_767],
  ])('lies below the ports of outgoing connections: %s', async (_name, text, low, high) => {
    writeFileSync(join(root, 'range'), text);
    expect(await portRange(join(root, 'range'))).toEqual({ low, high });
  });

  it('has a default where the system tells none', async () => {
    expect(await portRange(join(root, 'none'))).toEqual({ low: 22_768, high: 32_767 });
  });
});

describe('freePort', () => {
  it('passes over what is taken, by name or by a listener', async () => {
    const { low, high } = await portRange();
    const first = await freePort(new Set(), () => 0);
    expect(first).toBeGreaterThanOrEqual(low);
    expect(first).toBeLessThanOrEqual(high);
    const second = await freePort(new Set([first]), () => 0);
    expect(second).toBeGreaterThan(first);
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(first, '127.0.0.1', resolve));
    expect(await freePort(new Set([second]), () => 0)).toBeGreaterThan(second);
    await new Promise((resolve) => server.close(resolve));
  });

  it('begins again at the low end', async () => {
    const { low, high } = await portRange();
    const port = await freePort(new Set([high]), () => 0.999_999);
    expect(port).toBeLessThan(low + 100);
  });

  it('says so when there is none', async () => {
    const { low, high } = await portRange();
    const all = new Set(Array.from({ length: high - low + 1 }, (_, index) => low + index));
    await expect(freePort(all)).rejects.toMatchObject({ code: 'ND-PORT-TAKEN' });
  });
});

describe('isFree', () => {
  it.each(['127.0.0.1', '0.0.0.0', '::', '::1'])('sees a listener on %s', async (host) => {
    const port = await holding(host, async (held) => {
      expect(await isFree(held)).toBe(false);
      return held;
    });
    expect(await isFree(port)).toBe(true);
  });

  it('asks for one address only when told', async () => {
    await holding('127.0.0.2', async (port) => {
      expect(await isFree(port, '127.0.0.1')).toBe(true);
      expect(await isFree(port, '127.0.0.2')).toBe(false);
    });
    expect(await isFree(0, '192.0.2.1')).toBe(false);
  });
});
