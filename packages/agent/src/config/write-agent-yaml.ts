/** Writes an agent.yaml as a person would, with comments that say what else can be set. Pure. */
import { yamlScalar } from '@rootferry/host/daemon'
import { PRESET_NAMES } from './presets.ts'

export interface NewAgentYaml {
  listen: string
  /** Null: no preset. */
  preset: string | null
  /** Name → directory. */
  roots: ReadonlyMap<string, string>
}

export function agentYaml({ listen, preset, roots }: NewAgentYaml): string {
  return `# yaml-language-server: $schema=/usr/share/rootferry/agent.schema.json
# The agent of Rootferry, written by rootferry-agent init and yours to edit. Every setting: rootferry-agent.yaml(5).
# After a change: rootferry-agent config check FILE, then systemctl reload rootferry-agent.

# Where receivers connect, over TLS with a certificate that the agent makes for itself.
listen: ${yamlScalar(listen)}

# Status, resyncs and metrics, over plain HTTP: keep it on loopback.
admin:
  listen: 127.0.0.1:8731

# The docroots that are served. Receivers name them by the name in front of the colon.
roots:
${[...roots].map(([name, path]) => rootYaml(name, path, preset)).join('\n')}`
}

function rootYaml(name: string, path: string, preset: string | null): string {
  const chosen = preset === null ? '    # preset: wordpress' : `    preset: ${preset}`
  return `  ${yamlScalar(name)}:
    path: ${yamlScalar(path)}
    # What this software writes for one machine only: ${PRESET_NAMES.join(', ')}.
${chosen}
    # More that stays here, as gitignore patterns; the last one that matches decides, ! includes again.
    # exclude: ["*.log", "/var/cache/"]
    # The root halts instead of deleting more than this at once. An operator lets it go on.
    # guard: {maxDeletePercent: 50, minDeletes: 1000}
`
}
