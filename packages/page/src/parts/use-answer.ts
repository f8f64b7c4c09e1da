/** An answer of the agent for a view: asked when the view comes, and anew when what it depends on has changed. */
import { useEffect, useRef, useState } from 'preact/hooks'
import { ApiProblem, get } from '../state/api.ts'

export interface Asked<Answer> {
  /** Null: not yet. What was answered before stays until the next answer is there. */
  answer: Answer | null
  refusal: ApiProblem | null
}

/** At most once in this time, whatever happens. */
const PAUSE_MS = 1_000

/** @param version a change of it asks again; null as a path asks nothing */
export function useAnswer<Answer>(path: string | null, version: unknown = 0): Asked<Answer> {
  const [asked, setAsked] = useState<Asked<Answer> & { path: string | null }>({ path, answer: null, refusal: null })
  const lastMs = useRef(Number.NEGATIVE_INFINITY)
  const lastPath = useRef(path)
  useEffect(() => {
    if (path === null) return
    let isOver = false
    const isNew = lastPath.current !== path
    lastPath.current = path
    const pauseMs = isNew ? 0 : Math.max(0, PAUSE_MS - (performance.now() - lastMs.current))
    const timer = setTimeout(async () => {
      lastMs.current = performance.now()
      try {
        const answer = await get<Answer>(path)
        if (!isOver) setAsked({ path, answer, refusal: null })
      } catch (error) {
        if (!(error instanceof ApiProblem)) throw error
        if (!isOver) setAsked((before) => ({ ...before, path, refusal: error }))
      }
    }, pauseMs)
    return () => {
      isOver = true
      clearTimeout(timer)
    }
  }, [path, JSON.stringify(version)])
  return asked.path === path ? asked : { answer: null, refusal: null }
}
