/** How slabs name a join's state: by what it means, and since when it has seen rows where that is not from the start. */
export function stateName(of: { readonly state: string; readonly since?: number }): string {
  return of.since === undefined ? of.state : `${of.state}@${of.since}`;
}
