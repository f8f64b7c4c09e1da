/** The stream of events at the command line: that something happened, and of which type. What it was is in the status. */

/** @returns the type of each event as it comes, until the stream ends or breaks */
export async function* eventTypes(stream: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder()
  let rest = ''
  for await (const part of stream) {
    const lines = (rest + decoder.decode(part, { stream: true })).split('\n')
    rest = lines.pop() ?? ''
    for (const line of lines) if (line.startsWith('event: ')) yield line.slice('event: '.length)
  }
}
