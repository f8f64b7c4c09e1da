/**
 * receiver.yaml: its schema, its defaults, and the rules that a schema cannot express. Faults name line and column.
 *
 * In the schema `title` says what a setting does, `description` which values are accepted, and `default` what holds
 * without it. docs/configuration.md is generated from them, and error messages quote the description.
 */

import { statSync } from 'node:fs'
import {
  badConfiguration,
  type ConfigSource,
  closed,
  DEFAULT_HOOK,
  type HookCommand,
  hookSettings,
  isSamePlace,
  type ListenAddress,
  listenAddressAt,
  NAME,
  pathOf,
  patternFaults,
  readConfigFile,
  SYSTEM_CALLS,
  trueOrFalse,
  whole,
} from '@rootferry/host/daemon'
import { placementFaults, privatePlaceFault, type SystemCallsSetting } from '@rootferry/host/machine'
import Type, { type Static } from 'typebox'
import { MODE_MAP_ACCEPTED, parseModeMap } from '../mode-map.ts'
import type { DiskOptions } from '../root-messages.ts'
import type { Address } from '../serve/link/dial.ts'
import { AGENT_SETTINGS, agentAddress } from './agent-address.ts'
import { systemDirectory } from './system-directory.ts'
import { thisNode } from './this-node.ts'

/** Writes a first receiver.yaml. */
export const WRITER = 'rootferry-receiver join'
const DEFAULT_STATE_DIR = '/var/lib/rootferry/receiver'
const DEFAULT_HEALTH = '127.0.0.1:8732'
const DEFAULT_WAIT_SECONDS = 30
const DEFAULT_DOUBT_SECONDS = 30
const DEFAULT_GUARD = { maxPercent: 10, minEntries: 100 } as const
const DEFAULT_MIN_FREE_PERCENT = 1
const DEFAULT_TRASH = { keepDays: 7, maxBytes: 10 * 1024 ** 3 } as const

const AfterCommit = Type.Object(
  {
    ...hookSettings(
      {
        match: 'The command runs after a commit in which a path matches one of these',
        command: 'What runs',
        onFirstSync: 'Run for the commits of a first sync too',
      },
      '/usr/bin/systemctl, reload, php8.2-fpm',
    ),
    readyAfter: trueOrFalse({ title: '/readyz is 503 while a run of this hook is due', default: false }),
  },
  closed,
)
const Root = Type.Object(
  {
    path: pathOf('a directory', { title: 'The docroot that is kept identical to the root of this name on the agent' }),
    protect: Type.Optional(
      Type.Array(Type.String({ maxLength: 1_000 }), {
        maxItems: 1_000,
        title: 'What is never written, changed or deleted here, whatever the agent has',
        description: 'a list of gitignore patterns',
      }),
    ),
    allowSetuid: Type.Optional(
      Type.Boolean({
        title: 'Let files keep their set-user-id and set-group-id bits',
        description: 'true or false',
        default: false,
      }),
    ),
    owner: Type.Optional(
      Type.String({
        minLength: 1,
        title:
          'Who owns what arrives. preserve: as at the source, by name, then by number. keep: the user of the receiver',
        description: 'preserve, keep, or USER:GROUP',
        default: 'preserve',
      }),
    ),
    mode: Type.Optional(
      Type.String({
        minLength: 1,
        title: 'Which modes files and directories get. preserve: as at the source',
        description: "preserve, or changes as of rsync's --chmod: D755,F644 or g+r",
        default: 'preserve',
      }),
    ),
    minFreePercent: whole(0, 90, 'percent', {
      title: 'How much of the filesystem stays free: a file that does not fit beside that waits, and is a problem',
      default: DEFAULT_MIN_FREE_PERCENT,
    }),
    hooks: Type.Optional(
      Type.Object(
        {
          afterCommit: Type.Optional(
            Type.Array(AfterCommit, {
              maxItems: 20,
              title: 'Commands that run when a commit is visible',
              description:
                'a list of mappings of match, command, timeoutSeconds, minIntervalSeconds, onFirstSync, readyAfter',
            }),
          ),
        },
        closed,
      ),
    ),
    guard: Type.Optional(
      Type.Object(
        {
          maxPercent: whole(0, 100, 'percent', {
            title:
              'A first join waits for `rootferry-receiver accept` when it would replace or remove more than this share of the target, and more than minEntries',
            default: DEFAULT_GUARD.maxPercent,
          }),
          minEntries: whole(0, 1e9, 'entries', {
            title: 'A first join does not wait for fewer entries than this',
            default: DEFAULT_GUARD.minEntries,
          }),
        },
        closed,
      ),
    ),
    extraneous: Type.Optional(
      Type.Union([Type.Literal('report'), Type.Literal('trash')], {
        title:
          'What happens to entries that the agent does not have, when it has begun a new index. report: they stay, and a resync removes them',
        description: 'report or trash',
        default: 'report',
      }),
    ),
    trash: Type.Optional(
      Type.Object(
        {
          keepDays: whole(0, 3_650, 'days', {
            title: 'How long the trash keeps what was moved to it; 0: nothing is kept',
            default: DEFAULT_TRASH.keepDays,
          }),
          maxBytes: whole(0, Number.MAX_SAFE_INTEGER, 'bytes', {
            title: 'How much the trash keeps. The oldest goes first; the latest batch stays whatever its size',
            default: DEFAULT_TRASH.maxBytes,
          }),
        },
        closed,
      ),
    ),
  },
  closed,
)
export const ReceiverFile = Type.Object(
  {
    name: Type.Optional(
      Type.String({
        ...NAME,
        title: 'What this host is called in its own status. The agent knows it by the name of its token',
        description: "a name of letters, digits, '.', '_' and '-', at most 63",
      }),
    ),
    ...AGENT_SETTINGS,
    stateDir: Type.Optional(
      pathOf('a directory', {
        title: 'Where the receiver keeps its ledger, what it stages, and the trash',
        default: DEFAULT_STATE_DIR,
      }),
    ),
    health: Type.Optional(
      Type.Object(
        {
          listen: Type.Optional(
            Type.String({
              pattern: ':\\d{1,5}$',
              title: 'Where probes, status and metrics answer',
              description: 'HOST:PORT, as 127.0.0.1:8732',
              default: DEFAULT_HEALTH,
            }),
          ),
          staleAfterSeconds: Type.Optional(
            Type.Integer({
              minimum: 0,
              maximum: 86_400,
              title: '/readyz is 503 when the receiver has been without the agent for this long; absent: it stays 200',
              description: 'a whole number of seconds from 0 to 86400',
            }),
          ),
          waitForAgentSeconds: whole(0, 86_400, 'seconds', {
            title:
              'After a start, a target that was complete before is ready when the agent was not reached for this long',
            default: DEFAULT_WAIT_SECONDS,
          }),
          inDoubtSeconds: whole(0, 86_400, 'seconds', {
            title:
              'A target that has prepared a release and hears nothing of the agent is not ready for this long, because others may show it already; then it serves what it has',
            default: DEFAULT_DOUBT_SECONDS,
          }),
          readyFile: Type.Optional(pathOf('a file', { title: 'A file that exists exactly while all roots are ready' })),
          probe: Type.Optional(
            Type.Object(
              {
                listen: Type.String({
                  pattern: ':\\d{1,5}$',
                  title:
                    'Where /livez and /readyz alone answer, without names and reasons, for a balancer on another host',
                  description: 'HOST:PORT, as 10.0.0.11:8733',
                }),
              },
              closed,
            ),
          ),
        },
        closed,
      ),
    ),
    systemCalls: SYSTEM_CALLS,
    roots: Type.Record(NAME, Root, {
      minProperties: 1,
      title: 'The docroots that are kept identical, by the name of their root on the agent',
      ...closed,
    }),
  },
  closed,
)

type FileValue = Static<typeof ReceiverFile>
type RootValue = Static<typeof Root>

export interface Hook extends HookCommand {
  /** gitignore lines: a commit of a matching path runs the command. */
  match: readonly string[]
  /** Whether commits of a first sync count. */
  onFirstSync: boolean
  /** Whether the root is not ready while a run is due. */
  readyAfter: boolean
}

export interface ReceiverRoot {
  name: string
  path: string
  protect: string[]
  owner: DiskOptions['owner']
  allowSetuid: boolean
  mode: string
  guard: DiskOptions['guard']
  extraneous: DiskOptions['extraneous']
  minFreePercent: number
  trash: DiskOptions['trash']
  hooks: Hook[]
}

export interface ReceiverConfig {
  name: string | null
  address: Address
  stateDir: string
  health: ListenAddress
  /** Answers probes alone; null: there is no such listener. */
  probe: ListenAddress | null
  /** Null: none. */
  staleAfterSeconds: number | null
  waitForAgentSeconds: number
  inDoubtSeconds: number
  readyFile: string | null
  systemCalls: SystemCallsSetting
  roots: ReceiverRoot[]
}

export interface LocalPlace {
  stateDir: string
  health: ListenAddress
  /** Name and absolute path of each. */
  roots: { name: string; path: string }[]
}

/**
 * Where a receiver of this configuration is found on this host: for verbs that need no more, because a user who asks may
 * not be able to read the token.
 */
export function readLocalPlace(file: string): LocalPlace {
  const { value, source } = readConfigFile(file, ReceiverFile, WRITER)
  const faults: string[] = []
  const health = healthAddress(value, source, faults)
  if (faults.length > 0) throw badConfiguration(faults)
  const roots = Object.entries(value.roots).map(([name, { path }]) => ({ name, path: source.besideFile(path) }))
  return { stateDir: source.besideFile(value.stateDir ?? DEFAULT_STATE_DIR), health, roots }
}

/**
 * @param environmentToken the value of ROOTFERRY_TOKEN, for a file without tokenFile
 * @throws Failure (78) with a line for every fault
 */
export function readReceiverConfig(file: string, environmentToken: string | undefined): ReceiverConfig {
  const { value, source } = readConfigFile(file, ReceiverFile, WRITER)
  const faults: string[] = []
  const stateDir = source.besideFile(value.stateDir ?? DEFAULT_STATE_DIR)
  const health = healthAddress(value, source, faults)
  const config: ReceiverConfig = {
    name: value.name ?? null,
    address: { ...agentAddress(value, source, environmentToken, faults), node: thisNode(stateDir) },
    stateDir,
    health,
    probe: probeAddress(value, health, source, faults),
    staleAfterSeconds: value.health?.staleAfterSeconds ?? null,
    waitForAgentSeconds: value.health?.waitForAgentSeconds ?? DEFAULT_WAIT_SECONDS,
    inDoubtSeconds: value.health?.inDoubtSeconds ?? DEFAULT_DOUBT_SECONDS,
    readyFile: readyFile(value, source, faults),
    systemCalls: value.systemCalls ?? 'auto',
    roots: Object.entries(value.roots).map(([name, root]) => rootConfig(name, root, source, faults)),
  }
  const misplaced = placementFaults(config.stateDir, config.roots)
  for (const { root, message } of misplaced) faults.push(source.fault(['roots', root, 'path'], message))
  const places = [
    { at: ['stateDir'], path: config.stateDir },
    { at: ['health', 'readyFile'], path: config.readyFile },
    ...config.roots.map(({ name, path }) => ({ at: ['roots', name, 'path'], path })),
  ]
  for (const { at, path } of places) {
    const fault = path === null ? null : privatePlaceFault(path)
    if (fault !== null) faults.push(source.fault(at, fault))
  }
  if (faults.length > 0) throw badConfiguration(faults)
  return config
}

function probeAddress(value: FileValue, health: ListenAddress, source: ConfigSource, faults: string[]) {
  const listen = value.health?.probe?.listen
  if (listen === undefined) return null
  const at = ['health', 'probe', 'listen']
  const probe = listenAddressAt(at, listen, source, faults)
  if (isSamePlace(health, probe))
    faults.push(source.fault(at, 'must differ from health.listen, where the status answers'))
  return probe
}

function healthAddress(value: FileValue, source: ConfigSource, faults: string[]): ListenAddress {
  return listenAddressAt(['health', 'listen'], value.health?.listen ?? DEFAULT_HEALTH, source, faults)
}

function isSomebodyElses(file: string): boolean {
  try {
    const status = statSync(file, { throwIfNoEntry: false })
    return status !== undefined && !(status.isFile() && status.size === 0)
  } catch {
    // Below a directory that we may not enter: the log says so when the file is to be made.
    return false
  }
}

/** The receiver removes this file when it is not ready: what somebody else keeps there would be lost. */
function readyFile(value: FileValue, source: ConfigSource, faults: string[]): string | null {
  const named = value.health?.readyFile
  if (named === undefined) return null
  const file = source.besideFile(named)
  if (isSomebodyElses(file))
    faults.push(source.fault(['health', 'readyFile'], 'is there, and is not the empty file of a receiver'))
  return file
}

function rootConfig(name: string, root: RootValue, source: ConfigSource, faults: string[]): ReceiverRoot {
  const path = source.besideFile(root.path)
  const text = root.owner ?? 'preserve'
  const match = /^([^:\s]+):([^:\s]+)$/.exec(text)
  const owner = text === 'preserve' || text === 'keep' ? text : { user: match?.[1] ?? '', group: match?.[2] ?? '' }
  if (typeof owner === 'object' && owner.user === '') {
    faults.push(source.fault(['roots', name, 'owner'], `'${text}': preserve, keep, or USER:GROUP are accepted`))
  }
  const at = ['roots', name]
  const system = systemDirectory(path)
  if (system !== null && system !== '/')
    faults.push(source.fault([...at, 'path'], `must not be ${system}, a directory of the machine: name the docroot`))
  faults.push(...patternFaults(root.protect, { path: [...at, 'protect'], rootPath: path }, source))
  for (const [position, { match }] of (root.hooks?.afterCommit ?? []).entries()) {
    const place = [...at, 'hooks', 'afterCommit', String(position), 'match']
    faults.push(...patternFaults(match, { path: place, rootPath: path }, source))
  }
  const trash = { ...DEFAULT_TRASH, ...root.trash }
  const hooks = (root.hooks?.afterCommit ?? []).map((hook) => ({ ...DEFAULT_HOOK, readyAfter: false, ...hook }))
  const mode = root.mode ?? 'preserve'
  if (parseModeMap(mode) === null)
    faults.push(source.fault([...at, 'mode'], `'${mode}': ${MODE_MAP_ACCEPTED} are accepted`))
  const { protect = [], allowSetuid = false, minFreePercent = DEFAULT_MIN_FREE_PERCENT, extraneous = 'report' } = root
  const guard = { ...DEFAULT_GUARD, ...root.guard }
  return { name, path, protect, owner, allowSetuid, mode, minFreePercent, guard, extraneous, trash, hooks }
}
