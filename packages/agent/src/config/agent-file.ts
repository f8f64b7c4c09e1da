/**
 * What may stand in agent.yaml: its schema and its defaults.
 *
 * In the schema `title` says what a setting does, `description` which values are accepted, and `default` what holds
 * without it. docs/configuration.md is generated from them, and error messages quote the description.
 */

import { closed, NAME, pathOf, SYSTEM_CALLS, whole } from '@rootferry/host/daemon'
import { XATTR_KINDS } from '@rootferry/protocol'
import Type, { type Static } from 'typebox'
import type { Together } from '../root-messages.ts'
import { AgentHooks } from './after-all.ts'
import { Transport } from './nats-settings.ts'
import { PRESET_NAMES } from './presets.ts'

export const DEFAULT_STATE_DIR = '/var/lib/rootferry/agent'
/** Writes a first agent.yaml. */
export const WRITER = 'rootferry-agent init'
export const DEFAULT_LISTEN = '0.0.0.0:8730'
export const DEFAULT_ADMIN = '127.0.0.1:8731'
export const DEFAULT_WATCH = { backend: 'auto', settleMs: 20, maxWaitMs: 500, rescanMinutes: 30 } as const
export const DEFAULT_LIMITS = { bytesPerSecond: 0, bytesPerSecondPerReceiver: 0, maxConnections: 16_384 } as const
export const DEFAULT_TOGETHER: Together = 'releases'
export const DEFAULT_HOLD = { while: [], show: false, overdueMinutes: 15 } as const
export const DEFAULT_PRESERVE = { acls: false, xattrs: false, hardLinks: false } as const
export const DEFAULT_GUARD = { maxDeletePercent: 50, minDeletes: 1_000 } as const

/** Slower lines would take minutes for a message that cannot be divided. */
const LEAST_RATE = 10_000

const LISTEN = { pattern: ':\\d{1,5}$', description: 'HOST:PORT, as 0.0.0.0:8730 or [::]:8730' }
const pemFile = (title: string) => Type.Optional(pathOf('a PEM file', { title }))

const Watch = Type.Object(
  {
    backend: Type.Optional(
      Type.Union(
        ['auto', 'chokidar', 'directory', 'polling'].map((name) => Type.Literal(name)),
        {
          title:
            'How changes are noticed. auto: chokidar up to 2,000 entries, one watch per directory above (from 4,000 on also for a root that began smaller), and polling on network filesystems',
          description: 'auto, chokidar, directory or polling',
          default: DEFAULT_WATCH.backend,
        },
      ),
    ),
    settleMs: whole(0, 60_000, 'milliseconds', {
      title:
        'A change is sent once the root has been quiet for this long; after more than 100 changes longer, up to a second',
      default: DEFAULT_WATCH.settleMs,
    }),
    maxWaitMs: whole(0, 600_000, 'milliseconds', {
      title: 'A change is sent after this long even if the root is never quiet; not less than settleMs',
      default: DEFAULT_WATCH.maxWaitMs,
    }),
    rescanMinutes: whole(1, 10_080, 'minutes', {
      title: 'The whole root is scanned this often, for changes that no event reported',
      default: DEFAULT_WATCH.rescanMinutes,
    }),
  },
  closed,
)
const Guard = Type.Object(
  {
    maxDeletePercent: whole(1, 100, 'percent', {
      title: 'The root halts when more than this share of its entries goes at once or within ten minutes',
      default: DEFAULT_GUARD.maxDeletePercent,
    }),
    minDeletes: whole(0, 1e9, 'deletions', {
      title: 'The root does not halt for fewer deletions than this, whatever share of its entries they are',
      default: DEFAULT_GUARD.minDeletes,
    }),
  },
  closed,
)
const HELD_BY = { pattern: '^/[^/]', description: 'a path that begins at the root, as /.maintenance' }
const Hold = Type.Object(
  {
    while: Type.Optional(
      Type.Array(Type.String({ ...HELD_BY, maxLength: 1_000 }), {
        maxItems: 20,
        title:
          'Nothing is sent while one of these files exists; when all are gone, everything comes as one release. A preset sets it',
        description: 'a list of paths that begin at the root, as /.maintenance; no patterns',
      }),
    ),
    show: Type.Optional(
      Type.Boolean({
        title:
          'Whether such a file itself travels: at once when it appears, and last when it goes, so that receivers show their maintenance page too. A preset sets it',
        description: 'true or false',
        default: DEFAULT_HOLD.show,
      }),
    ),
    overdueMinutes: whole(1, 10_080, 'minutes', {
      title: 'Status, log and a metric say that a hold is overdue after this long; it is not released by that',
      default: DEFAULT_HOLD.overdueMinutes,
    }),
  },
  closed,
)
const NamedKind = Type.Union([Type.Literal('user'), Type.Literal('selinux'), Type.Literal('capability')], {
  description: 'user, selinux or capability',
})
const Preserve = Type.Object(
  {
    acls: Type.Optional(
      Type.Boolean({
        title:
          'POSIX ACLs travel, access and default ones; the numbers of users and groups are mapped by name. Needs libc calls on both sides',
        description: 'true or false',
        default: DEFAULT_PRESERVE.acls,
      }),
    ),
    xattrs: Type.Optional(
      Type.Union([Type.Boolean(), Type.Array(NamedKind)], {
        title:
          'Extended attributes travel: user.*, security.selinux and security.capability with true, or those that are listed. Needs libc calls on both sides',
        description: `true, false, or a list of ${XATTR_KINDS.join(', ')}`,
        default: DEFAULT_PRESERVE.xattrs,
      }),
    ),
    hardLinks: Type.Optional(
      Type.Boolean({
        title:
          'Names of one file (hard links) are names of one file on receivers too; otherwise each becomes a file of its own',
        description: 'true or false',
        default: DEFAULT_PRESERVE.hardLinks,
      }),
    ),
  },
  closed,
)
const Root = Type.Object(
  {
    path: pathOf('a directory', { title: 'The docroot that is served' }),
    preset: Type.Optional(
      Type.Union(
        PRESET_NAMES.map((name) => Type.Literal(name)),
        {
          title: 'Exclude patterns that are known for this software, in front of `exclude`',
          description: `one of ${PRESET_NAMES.join(', ')}`,
        },
      ),
    ),
    exclude: Type.Optional(
      Type.Array(Type.String({ maxLength: 1_000 }), {
        maxItems: 900,
        title:
          'What is neither sent nor deleted on receivers. The last pattern that matches decides, `!` includes again',
        description: 'a list of gitignore patterns',
      }),
    ),
    watch: Type.Optional(Watch),
    guard: Type.Optional(Guard),
    hold: Type.Optional(Hold),
    together: Type.Optional(
      Type.Union([Type.Literal('releases'), Type.Literal('always'), Type.Literal('never')], {
        title:
          'What all receivers commit together, each when all have staged it: releases of holds, every change, or nothing',
        description: 'releases, always or never',
        default: DEFAULT_TOGETHER,
      }),
    ),
    relay: Type.Optional(
      Type.Boolean({
        title:
          'The path is the target of a receiver on this host, which passes it on. See [fleets.md](fleets.md#a-relay)',
        description: 'true or false',
        default: false,
      }),
    ),
    preserve: Type.Optional(Preserve),
    hooks: Type.Optional(AgentHooks),
  },
  closed,
)
const rate = (about: { title: string; default: number }) =>
  Type.Optional(
    Type.Union([Type.Literal(0), Type.Integer({ minimum: LEAST_RATE, maximum: 1e12 })], {
      description: `0, which is no limit, or a whole number of bytes a second from ${LEAST_RATE} on`,
      ...about,
    }),
  )
const Limits = Type.Object(
  {
    bytesPerSecond: rate({
      title:
        'The most bytes a second that are sent to all receivers together; small changes wait behind no bulk of other receivers',
      default: DEFAULT_LIMITS.bytesPerSecond,
    }),
    bytesPerSecondPerReceiver: rate({
      title: 'The most bytes a second that are sent to one receiver, of all roots together',
      default: DEFAULT_LIMITS.bytesPerSecondPerReceiver,
    }),
    maxConnections: whole(1, 1_000_000, 'connections', {
      title: 'The most connections that `listen` holds at once; more are reset, which the log and a metric report',
      default: DEFAULT_LIMITS.maxConnections,
    }),
  },
  closed,
)
const Tls = Type.Object(
  {
    cert: pemFile(
      'The certificate of the stream listener, with its chain; absent: a self-signed one, made in stateDir',
    ),
    key: pemFile('The private key of `cert`'),
    ca: pemFile('The authority that receivers check `cert` against; absent: they pin the certificate itself'),
    clientCa: pemFile('The authority whose certificates receivers must show, in addition to their token'),
  },
  closed,
)
export const AgentFile = Type.Object(
  {
    stateDir: Type.Optional(
      pathOf('a directory', {
        title: 'Where the agent keeps its index, tokens and certificate',
        default: DEFAULT_STATE_DIR,
      }),
    ),
    listen: Type.Optional(Type.String({ ...LISTEN, title: 'Where receivers connect', default: DEFAULT_LISTEN })),
    admin: Type.Optional(
      Type.Object(
        {
          listen: Type.Optional(
            Type.String({
              ...LISTEN,
              title: 'Where the HTTP API, status and metrics answer',
              default: DEFAULT_ADMIN,
            }),
          ),
        },
        closed,
      ),
    ),
    tls: Type.Optional(
      Type.Union([Type.Literal('off'), Type.Literal(false), Tls], {
        title:
          'TLS of the stream listener. Absent: a certificate of its own. off: on loopback only, or with allowPlaintext',
        description: 'off, or a mapping of cert, key, ca, clientCa, all of them optional',
      }),
    ),
    allowPlaintext: Type.Optional(
      Type.Boolean({
        title: 'Accept `tls: off` on a listener that is not loopback',
        description: 'true or false',
        default: false,
      }),
    ),
    compression: Type.Optional(
      Type.Union([Type.Literal('auto'), Type.Literal('always'), Type.Literal('never')], {
        title: 'Compression with zstd. auto: where it saves bytes, and never for receivers on the same machine',
        description: 'auto, always or never',
        default: 'auto',
      }),
    ),
    systemCalls: SYSTEM_CALLS,
    transport: Type.Optional(Transport),
    limits: Type.Optional(Limits),
    roots: Type.Record(NAME, Root, {
      minProperties: 1,
      title: 'The docroots that are served, by name',
      ...closed,
    }),
  },
  closed,
)

export type AgentFileValue = Static<typeof AgentFile>
export type RootValue = Static<typeof Root>
