import { RouteFinder, type Routes } from './infer-routes.js';

const NEST_MAIN = 'const globalPrefix = \'api\';\napp.setGlobalPrefix(globalPrefix);';
const NEST_CONTROLLER = '@Controller()\nexport class AppController {\n  @Get()\n  getData() {}\n}';

function found(...sources: readonly string[]): Routes {
  const finder = new RouteFinder();
  for (const source of sources) finder.read(source);
  return finder.found;
}

test.each<[string, readonly string[], Routes]>([
  ['a health path', ['app.get("/healthz", x)'], { healthPath: '/healthz' }],
  ['the most telling of several', ['app.get("/live", x)', 'app.get(\'/health\', x)'], { healthPath: '/health' }],
  ['a longer path that only begins so', ['app.get("/health/details", x)'], {}],
  ['the root of Express, where there is no health path', ['app.get(\'/\', (req, res) => {})'], { answeredPath: '/' }],
  ['the root of Fastify', ['fastify.get( "/", async () => ({}))'], { answeredPath: '/' }],
  ['the root beside a health path', ['app.get(\'/\', x)', 'app.get("/ready", x)'], { healthPath: '/ready' }],
  ['only a POST at the root', ['app.post("/", x)'], {}],
  ['the root of NestJS behind its prefix', [NEST_MAIN, NEST_CONTROLLER], { answeredPath: '/api' }],
  ['the root of NestJS without a prefix', [NEST_CONTROLLER], { answeredPath: '/' }],
  ['a prefix that stands in the call', ['app.setGlobalPrefix("/v1/");', NEST_CONTROLLER], { answeredPath: '/v1' }],
  ['a health controller of NestJS', [NEST_MAIN, NEST_CONTROLLER, '@Controller(\'health\') class Health {}'], { healthPath: '/api/health' }],
  ['nothing', ['export const a = 1;'], {}],
])('%s', (_what, sources, routes) => {
  expect(found(...sources)).toEqual(routes);
});
