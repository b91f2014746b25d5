export type MemberUnits = { readonly id: string; readonly owned: readonly number[] };

/**
 * Who gets which unit: as even as can be, moving as few as can be. A unit that two members claim (one of them has been away)
 * goes to the first by id; any member may compute it and gets the same.
 */
export function assignUnits(units: number, members: readonly MemberUnits[]): MemberUnits[] {
  const ordered = [...members].sort((a, b) => (a.id < b.id ? -1 : 1));
  const free = new Set(Array.from({ length: units }, (_, unit) => unit));
  const least = Math.floor(units / ordered.length);
  let larger = units - least * ordered.length;
  const kept = ordered.map(({ id, owned }) => {
    const claimed = [...new Set(owned)].filter((unit) => free.has(unit)).sort((a, b) => a - b);
    const share = claimed.length > least && larger > 0 ? least + 1 : least;
    if (share > least) larger--;
    const own = claimed.slice(0, share);
    for (const unit of own) free.delete(unit);
    return { id, owned: own };
  });
  const left = [...free];
  for (const member of kept) {
    while (member.owned.length < least) member.owned.push(left.shift()!);
  }
  for (const member of kept) {
    if (left.length > 0 && member.owned.length === least) member.owned.push(left.shift()!);
  }
  for (const member of kept) member.owned.sort((a, b) => a - b);
  return kept;
}
