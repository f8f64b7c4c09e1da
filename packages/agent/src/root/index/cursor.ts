/**
 * Where an answer in parts goes on, as its cursor says: the number of a directory, and a name in it. A listing's cursor also
 * says what the head was when it began. Pure.
 */

/** @param cursor of the form of CURSOR; null: from the start. @returns the place after which the next part begins */
export function placeOf(cursor: string | null): { directory: number; name: string } {
  if (cursor === null) return { directory: 0, name: '' }
  const directory = cursor.slice(0, cursor.indexOf('/'))
  return { directory: Number(directory), name: cursor.slice(cursor.lastIndexOf('/') + 1) }
}

/** The head at which the listing of the cursor began; null: the cursor does not say it. */
export function beganAt(cursor: string): number | null {
  const [, head, name] = cursor.split('/')
  return name === undefined ? null : Number(head)
}
