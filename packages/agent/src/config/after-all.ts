/** The setting `hooks` of a root of agent.yaml: its schema, its defaults, and the faults that a schema cannot express. */
import {
  type ConfigSource,
  closed,
  DEFAULT_HOOK,
  type HookCommand,
  hookSettings,
  patternFaults,
} from '@rootferry/host/daemon'
import Type, { type Static } from 'typebox'

const AfterAll = Type.Object(
  hookSettings(
    {
      match: 'The command runs when every receiver that is live has a change of a path that matches one of these',
      command: 'What runs on this host',
      onFirstSync: 'Whether the command runs for everything that a new index begins with',
    },
    '/usr/local/bin/purge-varnish',
  ),
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
