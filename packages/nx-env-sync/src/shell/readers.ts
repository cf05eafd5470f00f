/** Command lines of the programs that read files of other formats. All of it goes to their standard output, as one JSON object. */

/** https://github.com/getsops/sops: `--decrypt` and `--output-type` are known to all versions. */
export function sopsArgv(file: string): readonly string[] {
  return ['sops', '--decrypt', '--output-type', 'json', file];
}

/** https://dotenvx.com/docs/advanced/get: without a name it gives all. `--overload`: the file wins over the variables of the process. */
export function dotenvxArgv(file: string): readonly string[] {
  return ['dotenvx', 'get', '--strict', '--overload', '--format', 'json', '-f', file];
}
