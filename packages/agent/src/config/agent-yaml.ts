/**
 * agent.yaml: its schema, its defaults, and the rules that a schema can not say. Faults name line and column.
 */
import {
  badConfiguration,
  type ConfigSource,
  isLoopback,
  type ListenAddress,
  parseListenAddress,
  readConfigFile,
} from '@rootferry/host/daemon'
import { placementFaults } from '@rootferry/host/machine'
import { RootName } from '@rootferry/protocol'
import Type, { type Static } from 'typebox'
import type { GuardLimits } from '../root/scan/guard.ts'
import type { WatchSettings } from '../root-messages.ts'
import { PRESETS, type PresetName } from './presets.ts'

const PRESET_NAMES = Object.keys(PRESETS)
const closed = { additionalProperties: false } as const
const Listen = Type.String({ pattern: ':\\d{1,5}$', description: 'HOST:PORT, as 0.0.0.0:8730 or [::]:8730' })
const whole = (minimum: number, maximum: number, unit: string) =>
  Type.Optional(
    Type.Integer({ minimum, maximum, description: `a whole number of ${unit} from ${minimum} to ${maximum}` }),
  )

const Watch = Type.Object(
  {
    backend: Type.Optional(
      Type.Union(
        ['auto', 'chokidar', 'directory', 'polling'].map((name) => Type.Literal(name)),
        {
          description: 'auto, chokidar, directory or polling',
        },
      ),
    ),
    settleMs: whole(0, 60_000, 'milliseconds'),
    maxWaitMs: whole(0, 600_000, 'milliseconds'),
    rescanMinutes: whole(1, 10_080, 'minutes'),
  },
  closed,
)
const Guard = Type.Object(
  { maxDeletePercent: whole(1, 100, 'percent'), minDeletes: whole(0, 1e9, 'deletions') },
  closed,
)
const Root = Type.Object(
  {
    path: Type.String({ minLength: 1, description: 'the path of a directory' }),
    preset: Type.Optional(
      Type.Union(
        PRESET_NAMES.map((name) => Type.Literal(name)),
        { description: `one of ${PRESET_NAMES.join(', ')}` },
      ),
    ),
    exclude: Type.Optional(
      Type.Array(Type.String({ maxLength: 1_000 }), { maxItems: 900, description: 'a list of gitignore patterns' }),
    ),
    watch: Type.Optional(Watch),
    guard: Type.Optional(Guard),
  },
  closed,
)
const PemFile = Type.Optional(Type.String({ minLength: 1, description: 'the path of a PEM file' }))
const Tls = Type.Object({ cert: PemFile, key: PemFile, ca: PemFile, clientCa: PemFile }, closed)
const AgentFile = Type.Object(
  {
    stateDir: Type.Optional(Type.String({ minLength: 1 })),
    listen: Type.Optional(Listen),
    admin: Type.Optional(Type.Object({ listen: Listen }, closed)),
    tls: Type.Optional(
      Type.Union([Type.Literal('off'), Type.Literal(false), Tls], {
        description: 'off, or {cert: FILE, key: FILE, ca: FILE, clientCa: FILE}, of which none has to be',
      }),
    ),
    allowPlaintext: Type.Optional(Type.Boolean()),
    compression: Type.Optional(
      Type.Union([Type.Literal('auto'), Type.Literal('always'), Type.Literal('never')], {
        description: 'auto, always or never',
      }),
    ),
    roots: Type.Record(RootName, Root, { minProperties: 1, ...closed }),
  },
  closed,
)

export interface RootConfig {
  name: string
  path: string
  exclude: string[]
  watch: WatchSettings
  guard: GuardLimits
}

export interface TlsConfig {
  /** Null: a self-signed certificate of its own. `ca`: what receivers verify it against, null: its fingerprint. */
  files: { cert: string; key: string; ca: string | null } | null
  /** Who has to have signed the certificates of receivers; null: they need none. */
  clientCa: string | null
}

export interface AgentConfig {
  stateDir: string
  listen: ListenAddress
  admin: ListenAddress
  tls: TlsConfig | null
  compression: 'auto' | 'always' | 'never'
  roots: RootConfig[]
}

const DEFAULT_STATE_DIR = '/var/lib/rootferry/agent'
const DEFAULT_LISTEN = '0.0.0.0:8730'
const DEFAULT_ADMIN = '127.0.0.1:8731'

/** @throws Failure (78) with a line for every fault */
export function readAgentConfig(file: string): AgentConfig {
  const { value, source } = readConfigFile(file, AgentFile)
  const faults: string[] = []
  const listen = address(value.listen ?? DEFAULT_LISTEN, ['listen'], source, faults)
  const config: AgentConfig = {
    stateDir: source.besideFile(value.stateDir ?? DEFAULT_STATE_DIR),
    listen,
    admin: address(value.admin?.listen ?? DEFAULT_ADMIN, ['admin', 'listen'], source, faults),
    tls: tls(value, listen, source, faults),
    compression: value.compression ?? 'auto',
    roots: Object.entries(value.roots).map(([name, root]) => rootConfig(name, root, source, faults)),
  }
  if (isSamePlace(config.listen, config.admin))
    faults.push(source.fault(['admin', 'listen'], 'must not be where receivers connect: listen'))
  for (const { root, message } of placementFaults(config.stateDir, config.roots))
    faults.push(source.fault(['roots', root, 'path'], message))
  if (faults.length > 0) throw badConfiguration(faults)
  return config
}

/** Port 0 is another one each time. */
function isSamePlace(one: ListenAddress, other: ListenAddress): boolean {
  return one.port !== 0 && one.port === other.port && one.host === other.host
}

function tls(
  value: Static<typeof AgentFile>,
  listen: ListenAddress,
  source: ConfigSource,
  faults: string[],
): AgentConfig['tls'] {
  if (value.tls === 'off' || value.tls === false) {
    if (!isLoopback(listen.host) && value.allowPlaintext !== true) {
      faults.push(source.fault(['tls'], 'off is accepted on a loopback listener only, or with allowPlaintext: true'))
    }
    return null
  }
  const { cert, key, ca, clientCa } = value.tls ?? {}
  if ((cert === undefined) !== (key === undefined)) faults.push(source.fault(['tls'], 'needs both cert and key'))
  if (ca !== undefined && cert === undefined) {
    faults.push(source.fault(['tls', 'ca'], 'goes with cert and key: receivers pin a self-signed certificate'))
  }
  const beside = (file: string | undefined) => (file === undefined ? null : source.besideFile(file))
  const files =
    cert === undefined || key === undefined
      ? null
      : { cert: source.besideFile(cert), key: source.besideFile(key), ca: beside(ca) }
  return { files, clientCa: beside(clientCa) }
}

function rootConfig(name: string, root: Static<typeof Root>, source: ConfigSource, faults: string[]): RootConfig {
  const watch = { backend: 'auto', settleMs: 20, maxWaitMs: 500, rescanMinutes: 30, ...root.watch } as WatchSettings
  if (watch.maxWaitMs < watch.settleMs) {
    faults.push(
      source.fault(['roots', name, 'watch', 'maxWaitMs'], `must not be less than settleMs (${watch.settleMs})`),
    )
  }
  const guard = { maxDeletePercent: 50, minDeletes: 1_000, ...root.guard }
  const preset = root.preset === undefined ? [] : PRESETS[root.preset as PresetName]
  const path = source.besideFile(root.path)
  return { name, path, exclude: [...preset, ...(root.exclude ?? [])], watch, guard }
}

function address(text: string, path: string[], source: ConfigSource, faults: string[]): ListenAddress {
  const parsed = parseListenAddress(text)
  if (parsed === null) faults.push(source.fault(path, `'${text}' is no address: HOST:PORT is expected`))
  return parsed ?? { host: '', port: 0 }
}
