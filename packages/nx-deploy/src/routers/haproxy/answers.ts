/** What HAProxy answers on its socket (its management guide, section 9), as data. */

export interface RunningServer {
  readonly name: string;
  readonly host: string;
  readonly port: number;
  /** 0 to 256. */
  readonly weight: number;
  /** Taken out by hand; whether its checks succeed is another thing. */
  readonly maintenance: boolean;
}

/** `show servers state <backend>`; none where HAProxy does not know the backend. */
export function readServers(answer: string): readonly RunningServer[] {
  const rows = answer.split('\n').map((line) => line.split(' '));
  const head = rows.find(([first]) => first === '#')?.slice(1) ?? [];
  const column = (name: string, row: readonly string[]): string => row[head.indexOf(name)] ?? '';
  return rows.filter((row) => row.length === head.length && /^\d+$/.test(row[0] ?? '')).map((row) => ({
    name: column('srv_name', row), host: column('srv_addr', row), port: Number(column('srv_port', row)), weight: Number(column('srv_uweight', row)),
    // Bit 0: by command (SRV_ADMF_FMAINT).
    maintenance: (Number(column('srv_admin_state', row)) & 1) === 1,
  }));
}

/** A row of `show stat`, by the names of its first line. */
export type Figures = Readonly<Record<string, string>>;

export function readFigures(answer: string): readonly Figures[] {
  const [head = '', ...rows] = answer.split('\n').filter((line) => line !== '');
  const names = head.replace(/^# /, '').split(',');
  return rows.map((row) => {
    const values = row.split(',');
    return Object.fromEntries(names.map((name, index) => [name, values[index] ?? '']));
  });
}

export function figure(row: Figures, name: string): number {
  const value = Number(row[name] ?? '');
  return Number.isFinite(value) ? value : 0;
}

/** A row of `show stat` that is about a server (type 2). */
export function isServer(row: Figures): boolean {
  return row['type'] === '2';
}

/** `show table`: the counter of each key. */
export function readTable(answer: string): ReadonlyMap<string, number> {
  return new Map([...answer.matchAll(/^0x[0-9a-f]+: key=(\S+) .*\bgpc0=(\d+)/gm)].map(([, key = '', count = '']) => [key, Number(count)]));
}

/** `show proc`: the workers that accept nothing any more, and finish what they have, by their process ids as the master names them. */
export function leavingWorkers(answer: string): readonly number[] {
  const [, old = ''] = /# old workers\n([^]*?)# programs/.exec(`${answer}\n`) ?? [];
  return [...old.matchAll(/^(\d+)\s+worker\b/gm)].map(([, id]) => Number(id));
}

/** `show env <name>`; undefined when it is not set. */
export function readVariable(answer: string, name: string): string | undefined {
  return answer.split('\n').find((line) => line.startsWith(`${name}=`))?.slice(name.length + 1).trim();
}

/** A line of `show info`. */
export function readInfo(answer: string, name: string): string | undefined {
  return answer.split('\n').find((line) => line.startsWith(`${name}: `))?.slice(name.length + 2).trim();
}
