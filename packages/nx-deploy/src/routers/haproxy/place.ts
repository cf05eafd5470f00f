/** Where a HAProxy runs, and what reaches it there. A platform gives the way in; nothing here knows whether that is a container. */
import { DeployError } from '../../errors.js';
import type { Listen } from '../router.js';
import { EXIT, MARK, script } from './scripts.js';

export interface Ran {
  readonly exitCode: number;
  readonly output: string;
  /** Standard error. */
  readonly complaints: string;
}

export interface RouterPlace {
  /** Absolute path of HAProxy's folder, where it runs. Nobody but HAProxy's user may enter it: it holds private keys. */
  readonly folder: string;
  /** For messages: `router nx-deploy-router on prod`. */
  readonly name: string;
  /** Runs a program there, as HAProxy's user, with this on its standard input. Rejects only when it could not be run at all. */
  exec(argv: readonly string[], input: string): Promise<Ran>;
  /** HAProxy takes connections at every address it has: whoever gives it the connections sees to the addresses. */
  readonly anyAddress?: boolean;
  /** Sees to it that connections to all of these reach HAProxy, before it is told to listen there. */
  reachable?(listens: readonly Listen[]): Promise<void>;
  /** Is there another HAProxy, of before, that still finishes requests and cannot be asked any more? */
  leaving?(): Promise<boolean>;
  /** What HAProxy printed last, where that can be read: it says why it could not load a file. */
  log?(): Promise<string>;
}

/** The file, and the answers to the commands. They belong together: nobody changed anything in between. */
export async function read(place: RouterPlace, commands: readonly string[]): Promise<{ readonly file: string; readonly answers: readonly string[] }> {
  const ran = await place.exec(script('read', place.folder), lines(commands));
  if (ran.exitCode !== EXIT.done) throw failure(place, 'the router could not be asked', ran);
  const [file = '', ...answers] = split(ran.output);
  return { file, answers };
}

/** How {@link replace} went. `commands`: what HAProxy answered to each. */
export type Replaced = { readonly type: 'done'; readonly answers: readonly string[] } | { readonly type: 'changed' };

export interface Replacement {
  /** First line of the file as it was read. */
  readonly expected: string;
  readonly file: string;
  readonly structure: string;
  /** What HAProxy is told, or `load` for the file as a whole. */
  readonly how: readonly string[] | 'load';
}

/** Compare and swap. Rejects, with the earlier file in force, when HAProxy refuses the new one or cannot load it. */
export async function replace(place: RouterPlace, { expected, file, structure, how }: Replacement): Promise<Replaced> {
  const commands = how === 'load' ? [] : how;
  const ran = await place.exec(script('replace', place.folder, expected, how === 'load' ? 'load' : 'run', structure), `${file}\n${MARK}\n${lines(commands)}`);
  if (ran.exitCode === EXIT.changed) return { type: 'changed' };
  if (ran.exitCode === EXIT.done) return { type: 'done', answers: split(ran.output) };
  const told = ran.exitCode === EXIT.notLoaded ? afterReload(await place.log?.() ?? '') : '';
  throw portFailure(told, place.name) ?? failure(place, 'the router did not take the change', { ...ran, complaints: `${ran.complaints}\n${told}` });
}

/** Writes a file that the configuration names, 0600. */
export async function store(place: RouterPlace, file: string, text: string): Promise<void> {
  const ran = await place.exec(script('store', place.folder, file), text);
  if (ran.exitCode !== EXIT.done) throw failure(place, `${file} could not be stored`, ran);
}

/** The files that were stored and are there. */
export async function stored(place: RouterPlace): Promise<ReadonlySet<string>> {
  const ran = await place.exec(script('stored', place.folder), '');
  if (ran.exitCode !== EXIT.done) throw failure(place, 'the folder of the router could not be looked at', ran);
  return new Set(ran.output.split('\n'));
}

/** `again`: also where there is one. */
export async function prepare(place: RouterPlace, file: string, again = false): Promise<void> {
  const ran = await place.exec(script('prepare', place.folder, again ? 'again' : 'first'), file);
  if (ran.exitCode !== EXIT.done) throw failure(place, 'the folder of the router could not be set up', ran);
}

/** The file as it is, whether HAProxy runs or not; undefined where there is none. */
export async function filed(place: RouterPlace): Promise<string | undefined> {
  const ran = await place.exec(script('filed', place.folder), '');
  if (ran.exitCode === EXIT.done) return ran.output;
  if (ran.exitCode === EXIT.changed) return undefined;
  throw failure(place, 'the file of the router could not be read', ran);
}

/** What `show env` says of a variable in the worker that serves; takes no lock. */
export async function variable(place: RouterPlace, name: string): Promise<string> {
  const ran = await place.exec(script('variable', place.folder, name), '');
  if (ran.exitCode !== EXIT.done) throw failure(place, 'the router could not be asked', ran);
  return ran.output;
}

function lines(commands: readonly string[]): string {
  return commands.map((command) => `${command}\n`).join('');
}

function split(output: string): readonly string[] {
  const parts = output.split(`\n${MARK}\n`).map((part) => part.trim());
  return parts.at(-1) === '' ? parts.slice(0, -1) : parts;
}

/** Of a HAProxy that ended because it could not start, by what it printed; undefined when that says nothing of it. */
export function startFailure(log: string, where: string): DeployError | undefined {
  const alerts = alertsOf(log);
  if (alerts.length === 0) return undefined;
  return portFailure(log, where) ?? new DeployError('ND-ROUTER-FAILED', { what: 'the router cannot start', where, why: 'HAProxy does not take its configuration', problems: alerts, next: 'correct what HAProxy complains about: it is tried again and again meanwhile' });
}

const TAKEN = /cannot bind socket \(Address already in use\) for \[([^\s]+)\]/g;

/** ND-PORT-TAKEN, naming the addresses; undefined when it is something else. */
function portFailure(log: string, where: string): DeployError | undefined {
  const taken = [...new Set([...log.matchAll(TAKEN)].map(([, address = '']) => address))];
  if (taken.length === 0) return undefined;
  return new DeployError('ND-PORT-TAKEN', { what: `${taken.join(', ')} ${taken.length === 1 ? 'is' : 'are'} taken by another program`, where, why: 'the router cannot listen there', next: 'stop that program on the machine of the router (ss -ltnp names it), or choose another port' });
}

/** What HAProxy has printed since it last began to load a file. */
function afterReload(log: string): string {
  return alertsOf(log.slice(Math.max(0, log.lastIndexOf('Reloading HAProxy')))).join('\n');
}

function alertsOf(log: string): readonly string[] {
  return log.split('\n').filter((line) => line.includes('[ALERT]')).map((line) => line.trim()).slice(-10);
}

const WHY: Readonly<Record<number, readonly [why: string, next: string]>> = {
  [EXIT.refused]: ['HAProxy finds the new configuration invalid', 'the earlier one is still in force; correct what HAProxy complains about (a certificate that does not fit its key, say)'],
  [EXIT.notLoaded]: ['HAProxy could not load the new configuration and goes on with the earlier one; mostly a port is taken by another program', 'stop that program or choose another port; the log of the router names it'],
  [EXIT.busy]: ['another command holds the lock of the router for more than a minute', 'wait for it, then run the command again'],
  [EXIT.silent]: ['HAProxy does not answer on its socket', 'look at the log of the router, and restart it'],
  [EXIT.unfit]: ['a program or a file is missing there', 'use the official haproxy image, or one with sh, sed, flock, and socat or perl'],
};

function failure({ name }: RouterPlace, what: string, { exitCode, complaints }: Ran): DeployError {
  const [why, next] = WHY[exitCode] ?? [`its program ended with ${exitCode}`, 'look at the log of the router'];
  const problems = complaints.split('\n').map((line) => line.trim()).filter((line) => line !== '').slice(0, 10);
  return new DeployError('ND-ROUTER-FAILED', { what, where: name, why, ...(problems.length === 0 ? {} : { problems }), next });
}
