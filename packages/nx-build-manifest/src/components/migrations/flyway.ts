import { basename } from 'node:path/posix';
import type { Migration, MigrationLayout } from './layout.js';

/** `V2_1__add_orders.sql` is version 2.1; `R__views.sql` has none and is applied last; `U2__undo.sql` takes one back and is none itself. */
const NAME = /^(?:V(\d+(?:[._]\d+)*)|R)__.+\.sql$/;

function numbersOf(file: string): readonly bigint[] | undefined {
  return NAME.exec(basename(file))?.[1]?.split(/[._]/).map(BigInt);
}

/** By version, part by part, as numbers; without a version last, by name. */
function inOrder(a: Migration, b: Migration): number {
  const [left, right] = [numbersOf(a.name), numbersOf(b.name)];
  if (left === undefined || right === undefined) return Number(left === undefined) - Number(right === undefined) || (basename(a.name) < basename(b.name) ? -1 : 1);
  for (let index = 0; index < Math.max(left.length, right.length); index += 1) {
    const [one, other] = [left[index] ?? 0n, right[index] ?? 0n];
    if (one !== other) return one < other ? -1 : 1;
  }
  return 0;
}

/** Flyway, "Migrations", section Naming: versioned and repeatable SQL migrations, also in folders below. */
export const flyway: MigrationLayout = {
  tool: 'flyway',
  folders: ['src/main/resources/db/migration', 'db/migration'],
  recognise(files) {
    const found = files.filter((file) => NAME.test(basename(file))).map((file) => ({ name: file, file })).sort(inOrder);
    return found.length === 0 ? undefined : found;
  },
};
