import fc from 'fast-check';
import { limitText } from '../model/index.js';
import { METRICS, parseRule, RULE_FORMS } from './rule.js';

test.each([
  ['errorRate', '< 5%', 0.05, 'absolute'],
  ['errorRate', '<0.5%', 0.005, 'absolute'],
  ['errorRate', '< 100%', 1, 'absolute'],
  ['errorRate', '< 1.5x stable', 1.5, 'stable'],
  ['latencyP95', '< 300ms', 300, 'absolute'],
  ['latencyP50', '< 1.5s', 1_500, 'absolute'],
  ['latencyP99', '< 2 x stable', 2, 'stable'],
  ['latencyP95', '< 1.5x baseline', 1.5, 'baseline'],
] as const)('%s %s', (metric, text, below, of) => {
  expect(parseRule(metric, text)).toEqual({ metric, below, of });
});

test.each([
  ['errorRate', '< 1% over stable', 0.01, 'stable'],
  ['errorRate', '<0.5 % over baseline', 0.005, 'baseline'],
  ['latencyP95', '< 50ms over stable', 50, 'stable'],
  ['latencyP99', '< 1s over baseline', 1_000, 'baseline'],
] as const)('%s %s', (metric, text, below, of) => {
  expect(parseRule(metric, text)).toEqual({ metric, below, of, over: true });
});

test.each(['5%', '1.5x stable', '1% over baseline'])('%s is told as it was written', (text) => {
  const rule = parseRule('errorRate', `< ${text}`);
  expect(rule === undefined ? undefined : limitText(rule)).toBe(text);
});

test.each([
  ['errorRate', '5%'], ['errorRate', '> 5%'], ['errorRate', '<= 5%'], ['errorRate', '< 0%'], ['errorRate', '< 101%'], ['errorRate', '< 5'], ['errorRate', '< 300ms'], ['errorRate', '< 0x stable'],
  ['errorRate', '< -5%'], ['errorRate', '< 5% stable'], ['errorRate', ' < 5%'], ['errorRate', '< 1e2%'], ['errorRate', '< 5%\n'], ['errorRate', '< 5% over'], ['errorRate', '< 101% over stable'], ['errorRate', '< 1x over stable'], ['errorRate', '< 1% over new'],
  ['latencyP95', '< 5%'], ['latencyP95', '< 0ms'], ['latencyP95', '< 0.1ms'], ['latencyP95', '< 300'], ['latencyP95', '< 1h'], ['latencyP95', '< 1.5xstable'], ['latencyP95', '< 1.5x old'], ['latencyP95', ''],
] as const)('%s %j is no limit', (metric, text) => {
  expect(parseRule(metric, text)).toBeUndefined();
});

test('any text is a limit above 0, or none', () => {
  const nearly = fc.tuple(fc.constantFrom('<', '< ', ''), fc.double({ min: 0, max: 1e7, noNaN: true }).map(String), fc.constantFrom('%', 'ms', 's', 'm', 'x stable', '')).map((parts) => parts.join(''));
  fc.assert(fc.property(fc.constantFrom(...METRICS), fc.oneof(nearly, fc.string()), (metric, text) => {
    const rule = parseRule(metric, text);
    if (rule === undefined) return;
    expect(text).toMatch(new RegExp(RULE_FORMS[metric].pattern));
    expect(rule.below).toBeGreaterThan(0);
    if (metric === 'errorRate' && rule.of === 'absolute') expect(rule.below).toBeLessThanOrEqual(1);
    if (metric !== 'errorRate' && rule.of === 'absolute') expect(Number.isSafeInteger(rule.below)).toBe(true);
  }));
});
