/** What a person is told when agent and receiver have no version of the protocol in common: which side to upgrade. Pure. */

/**
 * @param theirs what the agent speaks, as it says in the header of its refusal; empty when it does not say
 * @param ours newest first
 */
export function versionMismatch(theirs: string, ours: readonly string[]): string {
  const agents = theirs.split(',').map((name) => name.trim())
  const [agentNewest, ownNewest] = [newest(agents), newest(ours)]
  const both = `the agent speaks ${theirs === '' ? 'none of' : `${agents.join(', ')}, this receiver`} ${ours.join(', ')}`
  if (agentNewest === null || ownNewest === null) return both
  return `${both}: upgrade ${agentNewest > ownNewest ? 'this receiver' : 'the agent'}`
}

/** The highest number of names like `rootferry.v12`; null when there is none. */
function newest(names: readonly string[]): number | null {
  const numbers = names.flatMap((name) => /^rootferry\.v(\d{1,9})$/.exec(name)?.[1] ?? []).map(Number)
  return numbers.length === 0 ? null : Math.max(...numbers)
}
