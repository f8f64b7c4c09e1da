/** Tokens that come from a file or the environment, where anything can stand. Pure. */

const BEARER = /^[\w.~+/-]{1,256}=*$/

/** Whether an `Authorization: Bearer` header can carry the text, as of RFC 6750. */
export function isBearerToken(text: string): boolean {
  return BEARER.test(text)
}
