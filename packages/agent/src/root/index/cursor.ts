/** Where an answer in parts goes on, as its cursor says: the number of a directory, and a name in it. Pure. */

/** @param cursor of the form of CURSOR; null: from the start. @returns the place after which the next part begins */
export function placeOf(cursor: string | null): { directory: number; name: string } {
  if (cursor === null) return { directory: 0, name: '' }
  const slash = cursor.indexOf('/')
  return { directory: Number(cursor.slice(0, slash)), name: cursor.slice(slash + 1) }
}
