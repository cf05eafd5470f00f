/** What a run was for, seen from a task that others depend on. */

/** The parts of Nx's task graph that are read. */
export interface TaskGraphView {
  readonly tasks: Readonly<Record<string, { readonly target: { readonly project: string; readonly target: string; readonly configuration?: string } }>>;
  /** Of each task, by id: the ids of those that it waits for. */
  readonly dependencies: Readonly<Record<string, readonly string[]>>;
}

export interface AskingTask {
  readonly project: string;
  readonly environment: string;
}

/**
 * Nx runs a target that another one depends on without a configuration where its project lacks the one that was asked for, and says nothing. This is the
 * nearest task on the way to the one that was asked for which has a configuration; undefined when the task was asked for itself, or nothing above it has one.
 */
export function askedThrough(graph: TaskGraphView | undefined, task: { readonly project: string; readonly target: string }): AskingTask | undefined {
  if (graph === undefined) return undefined;
  const own = Object.entries(graph.tasks).filter(([, { target }]) => target.project === task.project && target.target === task.target && target.configuration === undefined);
  const seen = new Set<string>();
  let level = own.map(([id]) => id);
  while (level.length > 0) {
    for (const id of level) {
      const target = graph.tasks[id]?.target;
      if (target?.configuration !== undefined && target.configuration !== '') return { project: target.project, environment: target.configuration };
      seen.add(id);
    }
    level = Object.entries(graph.dependencies).filter(([id, needs]) => !seen.has(id) && needs.some((need) => level.includes(need))).map(([id]) => id);
  }
  return undefined;
}
