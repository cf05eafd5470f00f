import { askedThrough, type TaskGraphView } from './asked-environment.js';

function graph(dependencies: Readonly<Record<string, readonly string[]>>): TaskGraphView {
  const tasks = Object.keys(dependencies).map((id) => {
    const [project = '', target = '', configuration] = id.split(':');
    return [id, { target: { project, target, ...(configuration === undefined ? {} : { configuration }) } }] as const;
  });
  return { tasks: Object.fromEntries(tasks), dependencies };
}

const WEB = { 'web:deploy:qa': ['api:deploy', 'web:env-validate:qa'], 'web:env-validate:qa': [], 'api:deploy': ['api:env-validate', 'api:build'], 'api:env-validate': [], 'api:build': [] };

test('a dependency without the environment knows what was asked for, however far away', () => {
  expect(askedThrough(graph(WEB), { project: 'api', target: 'deploy' })).toEqual({ project: 'web', environment: 'qa' });
  expect(askedThrough(graph(WEB), { project: 'api', target: 'env-validate' })).toEqual({ project: 'web', environment: 'qa' });
});

test('a task that was asked for itself has nobody to ask', () => {
  expect(askedThrough(graph({ 'api:deploy': ['api:env-validate'], 'api:env-validate': [] }), { project: 'api', target: 'env-validate' })).toBeUndefined();
  expect(askedThrough(graph(WEB), { project: 'other', target: 'deploy' })).toBeUndefined();
  expect(askedThrough(undefined, { project: 'api', target: 'deploy' })).toBeUndefined();
});

test('tasks that wait for each other come to an end', () => {
  expect(askedThrough(graph({ 'a:deploy': ['b:deploy'], 'b:deploy': ['a:deploy'] }), { project: 'a', target: 'deploy' })).toBeUndefined();
});
