/**
 * How sure is it that a share is greater than it may be, whenever one looks?
 *
 * The figures of a release are looked at every second, and an ordinary test that is made so often finds a difference sooner or later where there is none. What is
 * computed here may be looked at as often as one likes: it is a likelihood ratio, mixed over a few alternatives, and as such a test martingale. Where the share is
 * no greater than allowed, the chance that it ever exceeds 1 / risk is at most `risk` (J. Ville, Etude critique de la notion de collectif, 1939; the method
 * of mixtures: H. Robbins, Statistical methods related to the law of the iterated logarithm, Annals of Mathematical Statistics 41, 1970).
 *
 * Against a limit the share is that of the requests that failed. Against another release it is the share of all failures that one of the two had: as long as it is no
 * worse, its failures come in proportion to its requests, however many there are of both at any time (M. Lindon, A. Malek, Anytime-valid inference for
 * multinomial count data, NeurIPS 2022).
 */

/** By how much the odds may be greater, and how much of the bet is on that: most of it on what is worth an alarm at once; what is hardly worse is found as well, in time. */
const BETS: readonly (readonly [times: number, part: number])[] = [[1.1, 0.02], [1.25, 0.03], [1.5, 0.05], [2, 0.15], [4, 0.25], [8, 0.25], [16, 0.25]];

/**
 * Natural logarithm of the evidence that more than `share` (0 to 1) of all are hits; below 0 it rather speaks against it. `hits` and `misses` are counted from the
 * same beginning on. For a share that is not known once for all (that of the requests of two releases) it is the one so far.
 */
export function evidence(hits: number, misses: number, share: number): number {
  if (share >= 1) return -Infinity;
  if (share <= 0) return hits > 0 ? Infinity : 0;
  const won = BETS.map(([times, part]) => {
    const odds = (times * share) / (1 - share);
    const more = odds / (1 + odds);
    return Math.log(part) + hits * Math.log(more / share) + misses * Math.log((1 - more) / (1 - share));
  });
  const most = Math.max(...won);
  return most + Math.log(won.reduce((sum, each) => sum + Math.exp(each - most), 0));
}

/** No doubt, but for a chance of `risk` in all looks together. */
export function isBeyondDoubt(hits: number, misses: number, share: number, risk: number): boolean {
  return evidence(hits, misses, share) >= -Math.log(risk);
}

/** Quantile of the normal distribution: 0.5% on one side. */
const Z = 2.576;

/** What a share is at most that was looked at once; half of a risk of 1% that it is more. */
export function atMost(hits: number, total: number): number {
  return wilson(hits, total, Z)[1];
}

/**
 * Bounds of a share of which `hits` of `total` are known (score interval; E. B. Wilson, Probable inference, the law of succession, and
 * statistical inference, JASA 22, 1927). Unlike the normal approximation it holds for small samples and rare hits. For one look.
 */
export function wilson(hits: number, total: number, z: number): readonly [lower: number, upper: number] {
  const share = hits / total;
  const width = (z * z) / total;
  const middle = share + width / 2;
  const spread = z * Math.sqrt((share * (1 - share)) / total + width / (4 * total));
  return [Math.max(0, (middle - spread) / (1 + width)), Math.min(1, (middle + spread) / (1 + width))];
}
