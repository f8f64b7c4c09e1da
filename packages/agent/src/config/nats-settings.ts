/** The part of agent.yaml that has the changes of every root written into logs on NATS JetStream. */
import {
  type ConfigSource,
  closed,
  NATS_SERVER,
  type NatsAccess,
  natsAccess,
  pathOf,
  whole,
} from '@rootferry/host/daemon'
import Type, { type Static } from 'typebox'

export const DEFAULT_RETENTION = { maxMegabytes: 8_000, maxAgeHours: 48, replicas: 1 } as const

const DOMAIN = { pattern: '^[A-Za-z0-9_-]{1,32}$', description: "a name of letters, digits, '_' and '-', at most 32" }
const Nats = Type.Object(
  {
    servers: Type.Array(Type.String({ pattern: '^(nats|tls)://', maxLength: 300, description: NATS_SERVER }), {
      minItems: 1,
      maxItems: 20,
      title: 'The NATS servers with JetStream that keep the logs; one of them is enough. tls:// insists on TLS',
      description: `a list of ${NATS_SERVER}`,
    }),
    ca: Type.Optional(
      pathOf('a PEM file', {
        title:
          'With tls://: the authority that must have signed the certificate of the servers. Absent: the public authorities count',
      }),
    ),
    credentialsFile: Type.Optional(
      pathOf('a file', {
        title: 'Who the agent is to them: a `.creds` file, or the seed of an nkey. Absent: they ask for nothing',
      }),
    ),
    maxMegabytes: whole(10, 100_000_000, 'megabytes', {
      title: 'So much of the log of each root is kept; snapshots take three times the tree besides',
      default: DEFAULT_RETENTION.maxMegabytes,
    }),
    maxAgeHours: whole(1, 8_760, 'hours', {
      title: 'And for this long',
      default: DEFAULT_RETENTION.maxAgeHours,
    }),
    regions: Type.Optional(
      Type.Array(Type.String(DOMAIN), {
        maxItems: 100,
        uniqueItems: true,
        title: 'Leaf nodes that are to mirror the logs, see [fleets.md](fleets.md#regions)',
        description: 'a list of JetStream domains',
      }),
    ),
    replicas: whole(1, 5, 'servers', {
      title: 'On so many servers of a cluster',
      default: DEFAULT_RETENTION.replicas,
    }),
  },
  closed,
)
export const Transport = Type.Object(
  {
    nats: Nats,
  },
  { ...closed, title: 'Besides WebSocket: see [fleets.md](fleets.md#a-log-on-nats)' },
)

export interface NatsConfig extends NatsAccess {
  regions: string[]
  retention: { maxBytes: number; maxAgeMs: number; replicas: number }
}

export function natsConfig(
  transport: Static<typeof Transport> | undefined,
  hasIdentity: boolean,
  source: ConfigSource,
  faults: string[],
): NatsConfig | null {
  if (transport === undefined) return null
  const { servers, ca, credentialsFile, regions = [], ...limits } = transport.nats
  if (!hasIdentity)
    faults.push(source.fault(['transport'], 'needs TLS: the key of the certificate signs what is written into the log'))
  const at = (...path: string[]) => ['transport', 'nats', ...path]
  const access = natsAccess(
    {
      servers: servers.map((server, position) => [at('servers', String(position)), server]),
      ca: ca === undefined ? null : [at('ca'), ca],
      credentials: credentialsFile === undefined ? null : [at('credentialsFile'), credentialsFile],
    },
    source,
    faults,
  )
  const { maxMegabytes, maxAgeHours, replicas } = { ...DEFAULT_RETENTION, ...limits }
  const retention = { maxBytes: maxMegabytes * 1e6, maxAgeMs: maxAgeHours * 3_600_000, replicas }
  return { ...access, regions, retention }
}
