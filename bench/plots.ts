/** Plots of a run, as SVG files: lines over one axis each, drawn with nothing but numbers and text. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

export interface Series {
  name: string
  /** In order of x. */
  points: { x: number; y: number }[]
}

const WIDTH = 640
const HEIGHT = 360
const MARGIN = { left: 64, right: 16, top: 40, bottom: 48 }
const COLOURS = ['#0b6e4f', '#c8553d', '#3c6e9f', '#8d5a97']

export class Plots {
  readonly #plots = new Map<string, { x: string; y: string; series: Series[] }>()

  /** Adds a line to a plot, which begins with its first line. */
  add(title: string, axes: { x: string; y: string }, series: Series): void {
    const plot = this.#plots.get(title) ?? { ...axes, series: [] }
    this.#plots.set(title, plot)
    plot.series.push(series)
  }

  /** Adds a point to the line of that name. */
  point(title: string, axes: { x: string; y: string }, name: string, point: { x: number; y: number }): void {
    const line = this.#plots.get(title)?.series.find((series) => series.name === name)
    if (line === undefined) this.add(title, axes, { name, points: [point] })
    else line.points.push(point)
  }

  /** @returns the files written */
  write(directory: string): string[] {
    mkdirSync(directory, { recursive: true })
    return [...this.#plots].map(([title, plot]) => {
      const file = join(directory, `${title.toLowerCase().replaceAll(/[^a-z0-9]+/g, '-')}.svg`)
      writeFileSync(file, drawn(title, plot.x, plot.y, plot.series))
      return file
    })
  }
}

function drawn(heading: string, xLabel: string, yLabel: string, series: readonly Series[]): string {
  const points = series.flatMap((line) => line.points)
  const mostX = roundedUp(Math.max(...points.map(({ x }) => x)))
  const mostY = roundedUp(Math.max(...points.map(({ y }) => y)))
  const innerWidth = WIDTH - MARGIN.left - MARGIN.right
  const innerHeight = HEIGHT - MARGIN.top - MARGIN.bottom
  const atX = (x: number) => MARGIN.left + (x / mostX) * innerWidth
  const atY = (y: number) => MARGIN.top + innerHeight - (y / mostY) * innerHeight
  const parts = [text(MARGIN.left, 22, heading, 'start', 15)]
  for (let step = 0; step <= 4; step += 1) {
    const [x, y] = [(mostX * step) / 4, (mostY * step) / 4]
    parts.push(text(atX(x), HEIGHT - MARGIN.bottom + 18, shortened(x), 'middle', 11))
    parts.push(text(MARGIN.left - 8, atY(y) + 4, shortened(y), 'end', 11))
    parts.push(`<path d="M${MARGIN.left} ${atY(y)}H${WIDTH - MARGIN.right}" stroke="#ddd"/>`)
  }
  parts.push(text(WIDTH - MARGIN.right, HEIGHT - 10, xLabel, 'end', 11), text(8, MARGIN.top - 6, yLabel, 'start', 11))
  series.forEach(({ name, points: line }, number) => {
    const colour = COLOURS[number % COLOURS.length] ?? '#000'
    const path = line.map(({ x, y }, at) => `${at === 0 ? 'M' : 'L'}${atX(x).toFixed(1)} ${atY(y).toFixed(1)}`).join('')
    parts.push(`<path d="${path}" fill="none" stroke="${colour}" stroke-width="2"/>`)
    parts.push(text(WIDTH - MARGIN.right, MARGIN.top + 14 + 16 * number, name, 'end', 12, colour))
  })
  const size = `width="${WIDTH}" height="${HEIGHT}" viewBox="0 0 ${WIDTH} ${HEIGHT}"`
  const background = `<rect width="${WIDTH}" height="${HEIGHT}" fill="#fff"/>`
  const title = `<title>${escaped(heading)}</title>`
  return `<svg xmlns="http://www.w3.org/2000/svg" role="img" ${size} font-family="sans-serif">${title}${background}${parts.join('')}</svg>\n`
}

function text(x: number, y: number, content: string, anchor: string, size: number, colour = '#333'): string {
  return `<text x="${x.toFixed(1)}" y="${y.toFixed(1)}" text-anchor="${anchor}" font-size="${size}" fill="${colour}">${escaped(content)}</text>`
}

function escaped(content: string): string {
  return content.replaceAll('&', '&amp;').replaceAll('<', '&lt;')
}

/** The next of 1, 2, 4, 6, 8 times a power of ten. */
function roundedUp(value: number): number {
  const power = 10 ** Math.floor(Math.log10(Math.max(value, Number.MIN_VALUE)))
  return ([1, 2, 4, 6, 8, 10].find((step) => step * power >= value) ?? 10) * power
}

function shortened(value: number): string {
  if (value >= 1e6) return `${value / 1e6}M`
  if (value >= 1e4) return `${value / 1e3}k`
  return String(Number(value.toPrecision(3)))
}
