/** Reads agent.yaml, with the rules that a schema cannot express. Faults name line and column. */

import {
  badConfiguration,
  type ConfigSource,
  isLoopback,
  isSamePlace,
  type ListenAddress,
  listenAddressAt,
  patternFaults,
  readConfigFile,
} from '@rootferry/host/daemon'
import { placementFaults, privatePlaceFault, type SystemCallsSetting } from '@rootferry/host/machine'
import { type Preserved, XATTR_KINDS, type XattrKind } from '@rootferry/protocol'
import type { GuardLimits, HoldSettings, Together, WatchSettings } from '../root-messages.ts'
import { type AfterAllHook, afterAllHooks } from './after-all.ts'
import {
  AgentFile,
  type AgentFileValue,
  DEFAULT_ADMIN,
  DEFAULT_GUARD,
  DEFAULT_LIMITS,
  DEFAULT_LISTEN,
  DEFAULT_PRESERVE,
  DEFAULT_STATE_DIR,
  DEFAULT_TOGETHER,
  DEFAULT_WATCH,
  type RootValue,
  WRITER,
} from './agent-file.ts'
import { holdSettings } from './hold-settings.ts'
import { type NatsConfig, natsConfig } from './nats-settings.ts'
import { PRESETS, type PresetName } from './presets.ts'

export interface RootConfig {
  name: string
  path: string
  exclude: string[]
  watch: WatchSettings
  guard: GuardLimits
  hold: HoldSettings
  together: Together
  relay: boolean
  preserve: Preserved
  hooks: AfterAllHook[]
}

export interface TlsConfig {
  /** Null: a self-signed certificate of the agent's own. `ca` is what receivers verify it against; null: they pin it. */
  files: { cert: string; key: string; ca: string | null } | null
  /** The authority that must have signed the certificates of receivers; null: they need no certificate. */
  clientCa: string | null
}

export interface AgentConfig {
  stateDir: string
  listen: ListenAddress
  admin: ListenAddress
  tls: TlsConfig | null
  compression: 'auto' | 'always' | 'never'
  limits: { bytesPerSecond: number; bytesPerSecondPerReceiver: number; maxConnections: number }
  systemCalls: SystemCallsSetting
  /** Null: the changes go to receivers over WebSocket alone. */
  nats: NatsConfig | null
  roots: RootConfig[]
}

/** @throws Failure (78) with a line for every fault */
export function readAgentConfig(file: string): AgentConfig {
  const { value, source } = readConfigFile(file, AgentFile, WRITER)
  const faults: string[] = []
  const listen = listenAddressAt(['listen'], value.listen ?? DEFAULT_LISTEN, source, faults)
  const config: AgentConfig = {
    stateDir: source.besideFile(value.stateDir ?? DEFAULT_STATE_DIR),
    listen,
    admin: listenAddressAt(['admin', 'listen'], value.admin?.listen ?? DEFAULT_ADMIN, source, faults),
    tls: tls(value, listen, source, faults),
    compression: value.compression ?? 'auto',
    limits: { ...DEFAULT_LIMITS, ...value.limits },
    systemCalls: value.systemCalls ?? 'auto',
    nats: natsConfig(value.transport, value.tls !== 'off' && value.tls !== false, source, faults),
    roots: Object.entries(value.roots).map(([name, root]) => rootConfig(name, root, source, faults)),
  }
  if (isSamePlace(config.listen, config.admin))
    faults.push(source.fault(['admin', 'listen'], 'must differ from listen, where receivers connect'))
  for (const { name, path } of config.roots) {
    const fault = privatePlaceFault(path)
    if (fault !== null) faults.push(source.fault(['roots', name, 'path'], fault))
  }
  for (const { root, message } of placementFaults(config.stateDir, config.roots))
    faults.push(source.fault(['roots', root, 'path'], message))
  if (faults.length > 0) throw badConfiguration(faults)
  return config
}

function tls(value: AgentFileValue, listen: ListenAddress, source: ConfigSource, faults: string[]): AgentConfig['tls'] {
  if (value.tls === 'off' || value.tls === false) {
    if (!isLoopback(listen.host) && value.allowPlaintext !== true) {
      faults.push(source.fault(['tls'], 'off is accepted only on a loopback listener, or with allowPlaintext: true'))
    }
    return null
  }
  const { cert, key, ca, clientCa } = value.tls ?? {}
  if ((cert === undefined) !== (key === undefined)) faults.push(source.fault(['tls'], 'needs both cert and key'))
  if (ca !== undefined && cert === undefined) {
    faults.push(source.fault(['tls', 'ca'], 'needs cert and key: receivers pin a self-signed certificate'))
  }
  const beside = (file: string | undefined) => (file === undefined ? null : source.besideFile(file))
  const files =
    cert === undefined || key === undefined
      ? null
      : { cert: source.besideFile(cert), key: source.besideFile(key), ca: beside(ca) }
  return { files, clientCa: beside(clientCa) }
}

function rootConfig(name: string, root: RootValue, source: ConfigSource, faults: string[]): RootConfig {
  const watch = { ...DEFAULT_WATCH, ...root.watch } as WatchSettings
  if (watch.maxWaitMs < watch.settleMs) {
    faults.push(
      source.fault(['roots', name, 'watch', 'maxWaitMs'], `must not be less than settleMs (${watch.settleMs})`),
    )
  }
  const guard = { ...DEFAULT_GUARD, ...root.guard }
  const preset = root.preset === undefined ? [] : Object.keys(PRESETS[root.preset as PresetName])
  const path = source.besideFile(root.path)
  faults.push(...patternFaults(root.exclude, { path: ['roots', name, 'exclude'], rootPath: path }, source))
  const exclude = [...preset, ...(root.exclude ?? [])]
  const hold = holdSettings(root, exclude, (message) => faults.push(source.fault(['roots', name, 'hold'], message)))
  const { hooks, faults: ofHooks } = afterAllHooks(root.hooks, { path: ['roots', name], rootPath: path }, source)
  faults.push(...ofHooks)
  const { together = DEFAULT_TOGETHER, relay = false } = root
  return { name, path, exclude, watch, guard, hold, together, relay, preserve: preserved(root.preserve), hooks }
}

function preserved(setting: RootValue['preserve'] = {}): Preserved {
  const { acls, xattrs, hardLinks } = { ...DEFAULT_PRESERVE, ...setting }
  const isChosen = (kind: XattrKind) => (typeof xattrs === 'boolean' ? xattrs : xattrs.includes(kind))
  return { acls, xattrs: XATTR_KINDS.filter(isChosen), hardLinks }
}
