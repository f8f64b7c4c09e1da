/**
 * The files of the operator page, and the headers that keep a browser from running or loading anything else.
 *
 * INVARIANT: nothing comes from another address, nothing inline runs, and no other page may frame this one.
 */
import { existsSync, readdirSync } from 'node:fs'
import helmet from '@fastify/helmet'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { PAGE } from '../../page-place.ts'
import type { Http } from './http-types.ts'

const OWN = ["'self'"]
const NONE = ["'none'"]
const POLICY = {
  defaultSrc: NONE,
  scriptSrc: OWN,
  styleSrc: OWN,
  imgSrc: OWN,
  connectSrc: OWN,
  baseUri: NONE,
  formAction: NONE,
  frameAncestors: NONE,
  requireTrustedTypesFor: ["'script'"],
  trustedTypes: NONE,
}

const INDEX = 'index.html'
/** How the names of compressed twins end. */
const TWIN = '.gz'

/** Without the files, in a checkout that was never bundled, there is no page. */
export async function servePage(http: Http): Promise<void> {
  await http.register(async (page: Http) => {
    await page.register(helmet, {
      contentSecurityPolicy: { useDefaults: false, directives: POLICY },
      crossOriginEmbedderPolicy: true,
      referrerPolicy: { policy: 'no-referrer' },
      // The listener speaks plain HTTP.
      strictTransportSecurity: false,
    })
    const names = existsSync(PAGE) ? readdirSync(PAGE) : []
    for (const name of names.filter((name) => !name.endsWith(TWIN))) {
      for (const path of name === INDEX ? ['/', `/${name}`] : [`/${name}`])
        page.get(path, { schema: { hide: true } }, (request, reply) => sendFile(name, names, request, reply))
    }
  })
}

/** Loads what sends files at the first request: most agents start without one. */
async function sendFile(
  name: string,
  names: readonly string[],
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<FastifyReply> {
  const [{ default: send }, { default: negotiate }] = await Promise.all([
    import('@fastify/send'),
    import('@fastify/accept-negotiator'),
  ])
  const hasTwin = names.includes(`${name}${TWIN}`)
  const encoding = hasTwin ? negotiate(request.headers['accept-encoding'] ?? '', ['gzip']) : null
  const path = encoding === null ? name : `${name}${TWIN}`
  // Asked anew each time, and answered 304: the page is always that of the agent that runs.
  const { statusCode, headers, stream } = await send(request.raw, path, { root: PAGE, cacheControl: false })
  reply.code(statusCode).headers(headers).header('Cache-Control', 'no-cache')
  if (hasTwin) reply.header('Vary', 'accept-encoding')
  if (encoding !== null) {
    const type = send.mime.getType(name) ?? ''
    reply.header('Content-Encoding', encoding).type(send.isUtf8MimeType(type) ? `${type}; charset=utf-8` : type)
  }
  return reply.send(stream)
}
