/** What `package` prints. */
import { relative } from 'node:path';
import { formatDuration, type Ms } from '../../model/index.js';
import type { SizeReport } from '../../package/sizes.js';
import { formatBytes, table } from '../../terminal/index.js';
import type { PackageRecord } from './record.js';

export interface PackageShown {
  readonly project: string;
  readonly record: PackageRecord;
  readonly sizes: SizeReport;
  readonly durationMs: Ms;
  /** Until the service was healthy; undefined when it was not started. */
  readonly healthyMs: Ms | undefined;
  /** Absolute. */
  readonly file: string;
  readonly workspaceRoot: string;
}

export function packageLines({ project, record, sizes, durationMs, healthyMs, file, workspaceRoot }: PackageShown): readonly string[] {
  return [
    ...[...sizeTable(sizes), ...leftOutTable(sizes)].map((line) => `  ${line}`),
    `packed: ${project} ${record.version} in ${formatDuration(durationMs)}`,
    `  archive   ${relative(workspaceRoot, file)}`,
    `  sha256    ${record.sha256}`,
    `  size      ${formatBytes(record.size)} with ${record.files} files: ${sizes.saved}% less than the ${formatBytes(sizes.tree.bytes)} that it was developed in`,
    `  signed    ${record.signed.length === 0 ? 'no' : record.signed.join(', ')}`,
    `  checked   every digest${healthyMs === undefined ? '; the service was not started' : `; the service was healthy after ${formatDuration(healthyMs)}`}`,
  ];
}

const MOST_FOLDERS = 12;

function sizeTable({ folders, package: packed }: SizeReport): readonly string[] {
  const shown = folders.slice(0, MOST_FOLDERS);
  const more = folders.slice(MOST_FOLDERS);
  return [
    ...table([{ title: 'developed in' }, { title: 'files', align: 'right' }, { title: 'size', align: 'right' }, { title: 'packed', align: 'right' }],
      [...shown.map(({ path, files, bytes, packed: part }) => [path, String(files), formatBytes(bytes), part.files === 0 ? '-' : formatBytes(part.bytes)]),
        ...more.length === 0 ? [] : [[`${more.length} more`, String(more.reduce((sum, { files }) => sum + files, 0)), formatBytes(more.reduce((sum, { bytes }) => sum + bytes, 0)), formatBytes(more.reduce((sum, { packed: part }) => sum + part.bytes, 0))]]]),
    ...table([{ title: 'package' }, { title: 'files', align: 'right' }, { title: 'size', align: 'right' }], packed.map(({ path, files, bytes }) => [path, String(files), formatBytes(bytes)])),
  ];
}

function leftOutTable({ leftOut }: SizeReport): readonly string[] {
  if (leftOut.length === 0) return [];
  return table([{ title: 'left out' }, { title: 'files', align: 'right' }, { title: 'size', align: 'right' }], leftOut.map(({ reason, files, bytes }) => [reason, String(files), formatBytes(bytes)]));
}
