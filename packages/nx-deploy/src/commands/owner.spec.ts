import { execFileSync } from 'node:child_process';
import { mkdirSync, realpathSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { temporaryFolder } from '../shell/programs.spec-support.js';
import { remoteOwner, workspaceOwner } from './owner.js';

const root = realpathSync(temporaryFolder('owner'));

describe('remoteOwner', () => {
  it.each([
    'git@Example.com:shop/api.git', 'example.com:shop/api', 'ssh://git@example.com/shop/api.git', 'ssh://git@example.com:2222/shop/api', 'https://example.com/shop/api.git/',
    'https://ghp_secret@example.com/shop/api.git', 'https://user:secret@example.com:8443/shop/api', 'https://user:sec@ret@example.com/shop/api', 'git://example.com/shop/api',
    'https://example.com/shop/api.git?token=secret', 'https://example.com/shop/api#secret', 'HTTPS://example.com//shop/api',
  ])('takes %s for one repository', (remote) => {
    expect(remoteOwner(remote, root)).toBe('git:example.com/shop/api');
  });

  it('tells repositories apart', () => {
    const owners = ['https://a.com/x', 'https://b.com/x', 'https://a.com/y', 'https://a.com/X', 'https://[::1]/x', '/srv/x', '../x'].map((remote) => remoteOwner(remote, root));
    expect(new Set(owners).size).toBe(owners.length);
  });

  it.each(['https://user:secret@[::1]:8080/shop', 'https://secret@example.com', 'https://user:secret@host:port/shop', 'https://user:secret/x@example.com:y/z', '://secret', 'a b://secret@x'])('never holds a credential: %s', (remote) => {
    expect(remoteOwner(remote, root)).not.toContain('secret');
  });

  it('takes a folder for itself, however it is written', () => {
    mkdirSync(join(root, 'origin.git'));
    mkdirSync(join(root, 'clone'));
    symlinkSync('origin.git', join(root, 'alias'));
    const owners = [join(root, 'origin.git'), '../origin.git', `file://${join(root, 'origin.git')}`, join(root, 'alias')].map((remote) => remoteOwner(remote, join(root, 'clone')));
    expect(new Set(owners)).toEqual(new Set([`path:${join(root, 'origin.git')}`]));
    expect(remoteOwner('/nowhere/origin', root)).toBe('path:/nowhere/origin');
  });
});

describe('workspaceOwner', () => {
  it('is the name that was given, else the remote, else the folder', async () => {
    const workspace = join(root, 'workspace');
    mkdirSync(workspace);
    expect(await workspaceOwner(workspace, 'shop')).toBe('id:shop');
    expect(await workspaceOwner(workspace, undefined)).toBe(`path:${workspace}`);
    execFileSync('git', ['init', '-q', workspace]);
    expect(await workspaceOwner(workspace, undefined)).toBe(`path:${workspace}`);
    execFileSync('git', ['-C', workspace, 'remote', 'add', 'origin', 'git@example.com:shop/api.git']);
    expect(await workspaceOwner(workspace, undefined)).toBe('git:example.com/shop/api');
  });
});
