/**
 * When a measured figure is outside its bounds by more than chance: at 99.9 % confidence. A bucket of 2,000 rows with a
 * label rate of 1 % has 20 positives; without an interval every second bucket near its bound would be held back.
 */

/** Two-sided 99.9 % point of the normal distribution. */
const Z_TWO_SIDED = 3.290526731491926;
/** One-sided. */
const Z_ONE_SIDED = 3.090232306167813;

/** Weighted yes and no: sums of w, w², w of the yeses, w² of the yeses; and plain rows. */
export type Share = {
  rows: number;
  weight: number;
  squares: number;
  yes: number;
  yesSquares: number;
};

export function emptyShare(): Share {
  return { rows: 0, weight: 0, squares: 0, yes: 0, yesSquares: 0 };
}

export function addToShare(share: Share, weight: number, isYes: boolean): void {
  share.rows++;
  share.weight += weight;
  share.squares += weight * weight;
  if (!isYes) return;
  share.yes += weight;
  share.yesSquares += weight * weight;
}

/**
 * The share p of the yeses and its 99.9 % interval: Wilson's score interval (Wilson 1927) at the effective number of rows,
 * p(1 - p) / v with v = Σ w² (y - p)² / (Σ w)², the linearised variance of a weighted mean (the design-adjusted Wilson
 * interval of Dean and Pagano 2015). Where v is 0 (all alike) it is Kish's (Σ w)² / Σ w². Null without rows.
 */
export function shareInterval(share: Share): { p: number; low: number; high: number } | null {
  const { weight, squares, yes, yesSquares } = share;
  if (weight === 0) return null;
  const p = yes / weight;
  const variance =
    (yesSquares * (1 - p) * (1 - p) + Math.max(0, squares - yesSquares) * p * p) /
    (weight * weight);
  const isMixed = yes > 0 && yes < weight && variance > 0;
  const n = isMixed ? (p * (1 - p)) / variance : (weight * weight) / squares;
  const zz = (Z_TWO_SIDED * Z_TWO_SIDED) / n;
  const middle = (p + zz / 2) / (1 + zz);
  const half = (Z_TWO_SIDED / (1 + zz)) * Math.sqrt((p * (1 - p)) / n + zz / (4 * n));
  return { p, low: Math.max(0, middle - half), high: Math.min(1, middle + half) };
}

/**
 * The population stability index that two samples of n and m rows in `groups` bins exceed once in a thousand when the true
 * one is `psi`: PSI / (1/n + 1/m) is noncentral chi-squared with groups - 1 degrees of freedom and noncentrality
 * psi / (1/n + 1/m) (Yurdakul 2018), which is taken as a scaled chi-squared (Patnaik 1949) with Wilson and Hilferty's
 * quantile (1931).
 */
export function psiThreshold(
  psi: number,
  of: { readonly rows: number; readonly rowsBefore: number; readonly groups: number },
): number {
  const unit = 1 / of.rows + 1 / of.rowsBefore;
  const freedom = Math.max(1, of.groups - 1);
  const noncentral = psi / unit;
  const scale = (freedom + 2 * noncentral) / (freedom + noncentral);
  const patnaik = (freedom + noncentral) ** 2 / (freedom + 2 * noncentral);
  const cube = 1 - 2 / (9 * patnaik) + Z_ONE_SIDED * Math.sqrt(2 / (9 * patnaik));
  return unit * scale * patnaik * cube ** 3;
}
