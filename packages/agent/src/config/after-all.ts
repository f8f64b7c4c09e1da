/** The setting `hooks` of a root of agent.yaml: its schema, its defaults, and the faults that a schema cannot express. */
import { type ConfigSource, type HookCommand, patternFaults } from '@rootferry/host/daemon'
import Type, { type Static } from 'typebox'

const DEFAULT_HOOK = { timeoutSeconds: 60, minIntervalSeconds: 1, onFirstSync: false } as const
const closed = { additionalProperties: false } as const

const seconds = (minimum: number, about: { title: string; default: number }) =>
  Type.Optional(
    Type.Integer({
      minimum,
      maximum: 3_600,
      description: `a whole number of seconds from ${minimum} to 3600`,
      ...about,
    }),
  )

const AfterAll = Type.Object(
  {
    match: Type.Array(Type.String({ minLength: 1, maxLength: 1_000 }), {
      minItems: 1,
      maxItems: 1_000,
      title: 'The command runs when every receiver that is live has a change of a path that matches one of these',
      description: 'a list of gitignore patterns',
    }),
    command: Type.Array(Type.String({ maxLength: 4_096 }), {
      minItems: 1,
      maxItems: 100,
      title: 'What runs on this host, without a shell. The matching paths are on its stdin, each ended by a NUL',
      description: 'a list: a program and its arguments, as [/usr/local/bin/purge-varnish]',
    }),
    timeoutSeconds: seconds(1, {
      title: 'The command is killed after this long',
      default: DEFAULT_HOOK.timeoutSeconds,
    }),
    minIntervalSeconds: seconds(0, {
      title: 'From the start of a run to the start of the next one; what is committed meanwhile joins that',
      default: DEFAULT_HOOK.minIntervalSeconds,
    }),
    onFirstSync: Type.Optional(
      Type.Boolean({
        title: 'Whether the command runs for everything that a new index begins with',
        description: 'true or false',
        default: DEFAULT_HOOK.onFirstSync,
      }),
    ),
  },
  closed,
)

export const AgentHooks = Type.Object(
  {
    afterAll: Type.Optional(
      Type.Array(AfterAll, {
        maxItems: 20,
        title: 'Commands that run once when every receiver that is live has committed',
        description: 'a list of mappings of match, command, timeoutSeconds, minIntervalSeconds, onFirstSync',
      }),
    ),
  },
  closed,
)

export interface AfterAllHook extends HookCommand {
  /** gitignore lines: a change of a matching path runs the command. */
  match: readonly string[]
  /** Whether what a new index begins with counts. */
  onFirstSync: boolean
}

/** @param at the root's place in the file */
export function afterAllHooks(
  hooks: Static<typeof AgentHooks> | undefined,
  at: { path: string[]; rootPath: string },
  source: ConfigSource,
): { hooks: AfterAllHook[]; faults: string[] } {
  const given = hooks?.afterAll ?? []
  const faults = given.flatMap(({ match }, position) =>
    patternFaults(
      match,
      { path: [...at.path, 'hooks', 'afterAll', String(position), 'match'], rootPath: at.rootPath },
      source,
    ),
  )
  return { hooks: given.map((hook) => ({ ...DEFAULT_HOOK, ...hook })), faults }
}
