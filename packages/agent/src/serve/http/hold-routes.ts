/** Holding a root, and releasing it: a deploy as one moment. */
import Type, { type Static } from 'typebox'
import type { RoundWay } from '../feed/rounds.ts'
import { Held, HoldBody, ReleaseBody, Released } from '../schemas/releases.ts'
import type { AdminParts } from './admin-parts.ts'
import { authorized, looking } from './authorization.ts'
import type { Http } from './http-types.ts'
import { refusals, secured } from './route-options.ts'

const ByRoot = Type.Object({ root: Type.String() })
const BODY_FAULTS = ['malformed-request', 'body-too-large', 'unsupported-media-type', 'invalid-request'] as const
const DEFAULT_FOR_SECONDS = 900
const DEFAULT_HOLD_WAIT_SECONDS = 10
const DEFAULT_PATIENCE_SECONDS = 5
const DEFAULT_DRAIN_SECONDS = 5
const DEFAULT_READY_SECONDS = 300

const RELEASE = {
  operationId: 'releaseRoot',
  summary: 'Ends a hold: everything that waits goes to all receivers',
  description:
    'Refused with `held` when `hold` names another hold than the present one, and with `guard` when more was lost since the hold began than the guard lets pass, unless losses are accepted. The answer to a dry run is 200, and a read-only token may ask for one; else the release has begun, and `round` says where to read how far it is.',
  params: ByRoot,
  body: ReleaseBody,
  response: {
    200: Released,
    202: Released,
    ...refusals(
      ...BODY_FAULTS,
      'unknown-root',
      'held',
      'not-held',
      'guard',
      'too-large',
      'rolling-stopped',
      'root-unavailable',
    ),
  },
}

export function holdRoutes(http: Http, parts: AdminParts): void {
  http.post(
    '/v1/roots/:root/hold',
    {
      ...secured(parts, {
        operationId: 'holdRoot',
        summary: 'Nothing that changes from now on leaves the root before its release',
        description:
          'Answers when receivers have what was there before: only then may the deploy begin. Refused with `not-held` when the root was released meanwhile.',
        params: ByRoot,
        body: HoldBody,
        response: { 201: Held, ...refusals(...BODY_FAULTS, 'unknown-root', 'held', 'not-held', 'root-unavailable') },
      }),
      // Everything in the body is optional, and so is the body.
      preValidation: async (request) => {
        request.body ??= {}
      },
    },
    async (request, reply) => {
      const { root } = request.params
      const by = authorized(request, parts).name
      const { reason = '', forSeconds = DEFAULT_FOR_SECONDS, waitSeconds = DEFAULT_HOLD_WAIT_SECONDS } = request.body
      const order = { reason, by, forMs: forSeconds * 1000, waitMs: waitSeconds * 1000 }
      return reply.code(201).send(await parts.holds.hold(root, order))
    },
  )
  http.post(
    '/v1/roots/:root/release',
    {
      ...secured(parts, RELEASE, looking),
      preValidation: async (request) => {
        request.body ??= {}
      },
    },
    async (request, reply) => {
      const { root } = request.params
      const { dryRun = false, acceptLosses = false, inParts = false } = request.body
      const { rolling = null, waitSeconds = 0, hold = null } = request.body
      const by = (dryRun ? looking : authorized)(request, parts).name
      const order = { dryRun, acceptLosses, isInParts: inParts, isRolling: rolling !== null, hold, by }
      const answer = await parts.holds.release(root, order, { waitMs: waitSeconds * 1000, way: wayOf(request.body) })
      if (answer.round !== null) reply.header('Location', `/v1/rounds/${answer.round}`)
      return reply.code(answer.released ? 202 : 200).send(answer)
    },
  )
}

function wayOf({
  patienceSeconds = DEFAULT_PATIENCE_SECONDS,
  rolling: size = null,
  drainSeconds = DEFAULT_DRAIN_SECONDS,
  readySeconds = DEFAULT_READY_SECONDS,
}: Static<typeof ReleaseBody>): RoundWay {
  const rolling = size === null ? null : { size, drainMs: drainSeconds * 1000, readyMs: readySeconds * 1000 }
  return { patienceMs: patienceSeconds * 1000, rolling, isStep: false }
}
