/** Which view the address names: the part behind `#`, so that the agent serves one page only. Pure. */
export type Route =
  | { view: 'overview' }
  | { view: 'root'; root: string }
  | { view: 'receiver'; receiver: string }
  | { view: 'resyncs'; root: string | null; receiver: string | null }
  | { view: 'resync'; id: string }
  | { view: 'deploys' }
  | { view: 'tokens' }

/** @param hash as `#/roots/shop`; one that leads nowhere leads to the overview */
export function routeOf(hash: string): Route {
  const [path = '', query = ''] = hash.replace(/^#\/?/, '').split('?', 2)
  const [view, name] = path.split('/').map(decoded)
  const wanted = new URLSearchParams(query)
  if (view === 'roots' && name) return { view: 'root', root: name }
  if (view === 'receivers' && name) return { view: 'receiver', receiver: name }
  if (view === 'resyncs' && name) return { view: 'resync', id: name }
  if (view === 'resyncs') return { view, root: wanted.get('root'), receiver: wanted.get('receiver') }
  if (view === 'deploys' || view === 'tokens') return { view }
  return { view: 'overview' }
}

/** The code of a link that signs in once; null: the address is none. */
export function signInCode(hash: string): string | null {
  return /^#sign-in=([\w-]+)$/.exec(hash)?.[1] ?? null
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}
