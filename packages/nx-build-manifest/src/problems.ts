/** Several things are wrong at once, and all of them are told. */
export class Problems extends Error {
  override readonly name = 'Problems';
  /** One line each. */
  readonly problems: readonly string[];

  constructor(problems: readonly string[]) {
    super(problems.join('; '));
    this.problems = problems;
  }
}

/** What whoever threw it wanted to say. */
export function messageOf(error: unknown): string {
  return typeof error === 'object' && error !== null && 'message' in error && typeof error.message === 'string' ? error.message : String(error);
}

/** What an error complains about, one line each. */
export function problemsOf(error: unknown): readonly string[] {
  return error instanceof Problems ? error.problems : [messageOf(error)];
}

/** Runs `read`, and puts the file's name before all that it complains about. */
export async function naming<Result>(file: string, read: () => Result | Promise<Result>): Promise<Result> {
  try {
    return await read();
  } catch (error) {
    throw new Problems(problemsOf(error).map((problem) => `${file}: ${problem}`));
  }
}

/**
 * Results of all, in order.
 * @throws Problems of all that failed
 */
export async function allOf<Result>(promises: readonly Promise<Result>[]): Promise<readonly Result[]> {
  const settled = await Promise.allSettled(promises);
  const problems = settled.flatMap((one) => (one.status === 'rejected' ? problemsOf(one.reason) : []));
  if (problems.length > 0) throw new Problems(problems);
  return settled.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
}
