/**
 * How far each hook of a root was told of changes, in the form in which the root's index keeps it: the next life of the
 * agent begins there, and deletions above it are remembered. Pure.
 */
export interface ToldHook {
  /** See hookKeys. */
  key: string
  /** Of every change up to here the hook was told, or none of them concerned it. */
  sequence: number
  /** Milliseconds of the wall clock at which that was so. */
  atMs: number
}

export function encodeToldHooks(hooks: readonly ToldHook[]): string {
  return JSON.stringify(hooks.map(({ key, sequence, atMs }) => [key, sequence, atMs]))
}

/** A text of another form counts as empty. */
export function decodeToldHooks(text: string | null): ToldHook[] {
  const rows: unknown = text === null ? [] : parsed(text)
  if (!Array.isArray(rows)) return []
  return rows.flatMap((row: unknown) => {
    const [key, sequence, atMs] = Array.isArray(row) ? (row as unknown[]) : []
    return typeof key === 'string' && typeof sequence === 'number' && typeof atMs === 'number'
      ? [{ key, sequence, atMs }]
      : []
  })
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (error) {
    if (error instanceof SyntaxError) return null
    throw error
  }
}
