/** receiver.yaml: its schema, its defaults, and the rules that a schema can not say. Faults name line and column. */
import {
  badConfiguration,
  type ConfigSource,
  type ListenAddress,
  parseListenAddress,
  readConfigFile,
} from '@rootferry/host/daemon'
import { placementFaults } from '@rootferry/host/machine'
import { RootName } from '@rootferry/protocol'
import Type, { type Static } from 'typebox'
import type { ApplierOptions } from '../disk/root-disk.ts'
import type { Hook } from '../serve/hooks.ts'
import type { Address } from '../serve/link/dial.ts'
import { AGENT_SETTINGS, agentAddress } from './agent-address.ts'

const closed = { additionalProperties: false } as const
const whole = (minimum: number, maximum: number, unit: string) =>
  Type.Optional(
    Type.Integer({ minimum, maximum, description: `a whole number of ${unit} from ${minimum} to ${maximum}` }),
  )

const AfterCommit = Type.Object(
  {
    match: Type.Array(Type.String({ minLength: 1, maxLength: 1_000 }), {
      minItems: 1,
      maxItems: 1_000,
      description: 'a list of gitignore patterns',
    }),
    command: Type.Array(Type.String({ maxLength: 4_096 }), {
      minItems: 1,
      maxItems: 100,
      description: 'a list: a program and its arguments, as [/usr/bin/systemctl, reload, php8.2-fpm]',
    }),
    timeoutSeconds: whole(1, 3_600, 'seconds'),
  },
  closed,
)
const Root = Type.Object(
  {
    path: Type.String({ minLength: 1, description: 'the path of a directory' }),
    protect: Type.Optional(
      Type.Array(Type.String({ maxLength: 1_000 }), { maxItems: 1_000, description: 'a list of gitignore patterns' }),
    ),
    allowSetuid: Type.Optional(Type.Boolean({ description: 'true or false' })),
    owner: Type.Optional(Type.String({ minLength: 1, description: 'preserve, keep, or USER:GROUP' })),
    hooks: Type.Optional(
      Type.Object({ afterCommit: Type.Optional(Type.Array(AfterCommit, { maxItems: 20 })) }, closed),
    ),
    trash: Type.Optional(
      Type.Object({ keepDays: whole(0, 3_650, 'days'), maxBytes: whole(0, Number.MAX_SAFE_INTEGER, 'bytes') }, closed),
    ),
  },
  closed,
)
const ReceiverFile = Type.Object(
  {
    name: Type.Optional(
      Type.String({
        pattern: '^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$',
        description: "a name of letters, digits, '.', '_' and '-'",
      }),
    ),
    ...AGENT_SETTINGS,
    stateDir: Type.Optional(Type.String({ minLength: 1 })),
    health: Type.Optional(
      Type.Object(
        {
          listen: Type.Optional(Type.String({ pattern: ':\\d{1,5}$', description: 'HOST:PORT, as 127.0.0.1:8732' })),
          staleAfterSeconds: whole(0, 86_400, 'seconds'),
        },
        closed,
      ),
    ),
    roots: Type.Record(RootName, Root, { minProperties: 1, ...closed }),
  },
  closed,
)

export interface ReceiverRoot {
  name: string
  path: string
  protect: string[]
  owner: ApplierOptions['owner']
  allowSetuid: boolean
  trash: ApplierOptions['trash']
  hooks: Hook[]
}

export interface ReceiverConfig {
  name: string | null
  address: Address
  stateDir: string
  health: ListenAddress
  staleAfterSeconds: number
  roots: ReceiverRoot[]
}

const DEFAULT_STATE_DIR = '/var/lib/rootferry/receiver'
const DEFAULT_HEALTH = '127.0.0.1:8732'
const HOOK_SECONDS = 60
const DEFAULT_TRASH_BYTES = 10 * 1024 ** 3

/** Where a receiver of this configuration tells its health: all that `status` needs, and whoever asks may read. */
export function readHealthAddress(file: string): ListenAddress {
  const { value, source } = readConfigFile(file, ReceiverFile)
  const faults: string[] = []
  const health = healthAddress(value, source, faults)
  if (faults.length > 0) throw badConfiguration(faults)
  return health
}

/**
 * @param environmentToken what ROOTFERRY_TOKEN holds, for a file without tokenFile
 * @throws Failure (78) with a line for every fault
 */
export function readReceiverConfig(file: string, environmentToken: string | undefined): ReceiverConfig {
  const { value, source } = readConfigFile(file, ReceiverFile)
  const faults: string[] = []
  const config: ReceiverConfig = {
    name: value.name ?? null,
    address: agentAddress(value, source, environmentToken, faults),
    stateDir: source.besideFile(value.stateDir ?? DEFAULT_STATE_DIR),
    health: healthAddress(value, source, faults),
    staleAfterSeconds: value.health?.staleAfterSeconds ?? 60,
    roots: Object.entries(value.roots).map(([name, root]) => rootConfig(name, root, source, faults)),
  }
  for (const { root, message } of placementFaults(config.stateDir, config.roots))
    faults.push(source.fault(['roots', root, 'path'], message))
  if (faults.length > 0) throw badConfiguration(faults)
  return config
}

function healthAddress(value: Static<typeof ReceiverFile>, source: ConfigSource, faults: string[]): ListenAddress {
  const listen = value.health?.listen ?? DEFAULT_HEALTH
  const health = parseListenAddress(listen)
  if (health === null)
    faults.push(source.fault(['health', 'listen'], `'${listen}' is no address: HOST:PORT is expected`))
  return health ?? { host: '', port: 0 }
}

function rootConfig(name: string, root: Static<typeof Root>, source: ConfigSource, faults: string[]): ReceiverRoot {
  const path = source.besideFile(root.path)
  const text = root.owner ?? 'preserve'
  const match = /^([^:\s]+):([^:\s]+)$/.exec(text)
  const owner = text === 'preserve' || text === 'keep' ? text : { user: match?.[1] ?? '', group: match?.[2] ?? '' }
  if (typeof owner === 'object' && owner.user === '') {
    faults.push(source.fault(['roots', name, 'owner'], `'${text}': preserve, keep, or USER:GROUP are accepted`))
  }
  const trash = { keepDays: root.trash?.keepDays ?? 7, maxBytes: root.trash?.maxBytes ?? DEFAULT_TRASH_BYTES }
  const hooks = (root.hooks?.afterCommit ?? []).map(({ timeoutSeconds = HOOK_SECONDS, ...hook }) => ({
    ...hook,
    timeoutSeconds,
  }))
  return { name, path, protect: root.protect ?? [], owner, allowSetuid: root.allowSetuid ?? false, trash, hooks }
}
