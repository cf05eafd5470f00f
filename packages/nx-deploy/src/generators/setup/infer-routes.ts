/** What paths a service's source answers, as far as its text tells. */

export interface Routes {
  /** A path that bears the name of a health check. */
  readonly healthPath?: string;
  /** A path that answers GET where there is none; a check of it tells less. */
  readonly answeredPath?: string;
}

/** The most telling first. */
const HEALTH_NAMES = ['/health', '/healthz', '/api/health', '/ready', '/readyz', '/livez', '/live'];
/** `app.get('/', ...)` of Express, Fastify, Koa and their like. */
const ROOT_ROUTE = /\.(?:get|all)\(\s*(['"`])\/\1/;
/** NestJS: a controller without a path of its own that has a method without one, and controllers of a health check. */
const NEST_ROOT = /@Controller\(\s*\)[\s\S]*@Get\(\s*\)/;
const NEST_HEALTH = /@Controller\(\s*['"`]\/?(health|healthz|ready|readyz|live|livez)['"`]\s*\)/g;
/** What NestJS puts before the paths of all controllers. */
const NEST_PREFIX = /\bsetGlobalPrefix\(\s*['"`]\/?([\w/-]+?)\/?['"`]|\bglobalPrefix\s*=\s*['"`]\/?([\w/-]+?)\/?['"`]/;

export class RouteFinder {
  private readonly named = new Set<string>();
  private readonly controllers = new Set<string>();
  private root = false;
  private nestRoot = false;
  private prefix = '';

  read(source: string): void {
    for (const path of HEALTH_NAMES) if (mentions(source, path)) this.named.add(path);
    for (const match of source.matchAll(NEST_HEALTH)) this.controllers.add(`/${match[1] ?? ''}`);
    this.root ||= ROOT_ROUTE.test(source);
    this.nestRoot ||= NEST_ROOT.test(source);
    const prefix = NEST_PREFIX.exec(source);
    if (prefix !== null) this.prefix = `/${prefix[1] ?? prefix[2] ?? ''}`;
  }

  get found(): Routes {
    const plain = HEALTH_NAMES.find((path) => this.named.has(path));
    const controller = HEALTH_NAMES.find((path) => this.controllers.has(path));
    const healthPath = plain ?? (controller === undefined ? undefined : `${this.prefix}${controller}`);
    const answeredPath = this.root ? '/' : this.nestRoot ? this.prefix || '/' : undefined;
    return { ...(healthPath === undefined ? {} : { healthPath }), ...(healthPath !== undefined || answeredPath === undefined ? {} : { answeredPath }) };
  }
}

/** As a text of its own: "/health" in a longer path does not count. */
function mentions(source: string, path: string): boolean {
  return ['\'', '"', '`'].some((quote) => source.includes(`${quote}${path}${quote}`));
}
