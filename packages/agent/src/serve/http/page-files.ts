/**
 * The files of the operator page, and the headers that keep a browser from running or loading anything else.
 *
 * INVARIANT: nothing comes from another address, nothing inline runs, and no other page may frame this one.
 */
import { existsSync } from 'node:fs'
import helmet from '@fastify/helmet'
import files from '@fastify/static'
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
    if (!existsSync(PAGE)) return
    await page.register(files, {
      root: PAGE,
      wildcard: false,
      preCompressed: true,
      globIgnore: ['**/*.gz'],
      cacheControl: false,
      // Asked anew each time, and answered 304: the page is always that of the agent that runs.
      setHeaders: (reply) => void reply.header('Cache-Control', 'no-cache'),
    })
  })
}
