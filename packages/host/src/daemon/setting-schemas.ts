/**
 * Parts of a configuration's schema that both daemons have: names, paths, whole numbers with their range, and hooks.
 *
 * In a schema `title` says what a setting does, `description` which values are accepted, and `default` what holds
 * without it.
 */
import Type from 'typebox'

export const closed = { additionalProperties: false } as const

/** The name of a root, or of a receiver. */
export const NAME = Type.String({ pattern: '^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$' })

/** Linux opens none that is longer. */
const MOST_PATH_BYTES = 4_095

/** A path, which may be relative to the file. @param what 'a directory' */
export function pathOf(what: string, about: { title: string; default?: string }) {
  return Type.String({
    minLength: 1,
    maxLength: MOST_PATH_BYTES,
    pattern: '^(?!~(/|$))',
    patternErrorMessage: "begins with '~', which is not the home directory here: write out the path",
    description: `the path of ${what}`,
    ...about,
  })
}

export function whole(minimum: number, maximum: number, unit: string, about: { title: string; default: number }) {
  const description = `a whole number of ${unit} from ${minimum} to ${maximum}`
  return Type.Optional(Type.Integer({ minimum, maximum, description, ...about }))
}

export function trueOrFalse(about: { title: string; default: boolean }) {
  return Type.Optional(Type.Boolean({ description: 'true or false', ...about }))
}

export const SYSTEM_CALLS = Type.Optional(
  Type.Union([Type.Literal('auto'), Type.Literal('libc'), Type.Literal('portable')], {
    title:
      'How the kernel is called. libc: directly, which ACLs and extended attributes need. portable: through Node only. auto: libc where the runtime can',
    description: 'auto, libc or portable',
    default: 'auto',
  }),
)

export const DEFAULT_HOOK = { timeoutSeconds: 60, minIntervalSeconds: 1, onFirstSync: false } as const

/** The settings of one hook, whose titles differ between the daemons. @param example of a command */
export function hookSettings(titles: { match: string; command: string; onFirstSync: string }, example: string) {
  return {
    match: Type.Array(Type.String({ minLength: 1, maxLength: 1_000 }), {
      minItems: 1,
      maxItems: 1_000,
      title: titles.match,
      description: 'a list of gitignore patterns',
    }),
    command: Type.Array(Type.String({ maxLength: 4_096 }), {
      minItems: 1,
      maxItems: 100,
      title: `${titles.command}, without a shell. The matching paths are on its stdin, each ended by a NUL`,
      description: `a list: a program and its arguments, as [${example}]`,
    }),
    timeoutSeconds: whole(1, 3_600, 'seconds', {
      title: 'The command is killed after this long',
      default: DEFAULT_HOOK.timeoutSeconds,
    }),
    minIntervalSeconds: whole(0, 3_600, 'seconds', {
      title: 'From the start of a run to the start of the next one; what is committed meanwhile joins that',
      default: DEFAULT_HOOK.minIntervalSeconds,
    }),
    onFirstSync: trueOrFalse({ title: titles.onFirstSync, default: DEFAULT_HOOK.onFirstSync }),
  }
}
