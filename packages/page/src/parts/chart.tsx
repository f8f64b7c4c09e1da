/** A series of the last hour as a line: drawn by uPlot, said in one sentence for who does not see it. */
import type { HistoryAnswer } from '@rootferry/agent/api'
import { useEffect, useRef } from 'preact/hooks'
import uPlot from 'uplot'

type Values = HistoryAnswer['latency']['p50']

export interface ChartLine {
  label: string
  values: Values
  /** The accent is of the line that counts most. */
  isMain: boolean
}

export interface ChartProps {
  /** What is drawn, and the last values: the sentence. */
  summary: string
  history: Pick<HistoryAnswer, 'end' | 'intervalSeconds'>
  lines: readonly ChartLine[]
  format(value: number): string
  /** Between the lines of the grid; undefined: as the values want it. */
  steps?: number[]
}

const HEIGHT_PX = 160
/** Ten minutes. */
const LEAST_SHOWN = 60

export function Chart({ summary, history, lines, format, steps }: ChartProps) {
  const place = useRef<HTMLDivElement>(null)
  const plot = useRef<uPlot | null>(null)
  useEffect(() => {
    const box = place.current
    if (box === null) return
    const draw = () => {
      plot.current?.destroy()
      plot.current = new uPlot(
        options(box, { lines, format, ...(steps === undefined ? {} : { steps }) }),
        data(history, lines),
        box,
      )
    }
    draw()
    const seen = new ResizeObserver(() => plot.current?.setSize({ width: box.clientWidth, height: HEIGHT_PX }))
    seen.observe(box)
    const dark = matchMedia('(prefers-color-scheme: dark)')
    dark.addEventListener('change', draw)
    return () => {
      seen.disconnect()
      dark.removeEventListener('change', draw)
      plot.current?.destroy()
      plot.current = null
    }
  }, [history.end, lines.length])
  return <div class="chart" role="img" aria-label={summary} ref={place} />
}

/** An agent that has just begun has no hour to show: what it knows is drawn, and a few minutes before it. */
function data({ end, intervalSeconds }: ChartProps['history'], all: readonly ChartLine[]): uPlot.AlignedData {
  const whole = all[0]?.values.length ?? 0
  const first = Math.min(
    ...all.map(({ values }) => values.findIndex((value) => value !== null)).filter((at) => at >= 0),
  )
  const from = Math.max(0, Math.min(first - 1, whole - LEAST_SHOWN))
  const lines = all.map(({ values }) => ({ values: values.slice(from) }))
  const count = whole - from
  const endSeconds = Date.parse(end) / 1_000
  const times = Array.from({ length: count }, (_, at) => endSeconds - (count - at) * intervalSeconds)
  return [times, ...lines.map(({ values }) => values)]
}

function options(
  box: HTMLElement,
  { lines, format, steps }: Pick<ChartProps, 'lines' | 'format' | 'steps'>,
): uPlot.Options {
  const least = steps === undefined ? 0.01 : 4
  const style = getComputedStyle(box)
  const colour = (name: string) => style.getPropertyValue(name).trim()
  const axis = {
    stroke: colour('--quiet-text'),
    grid: { stroke: colour('--line'), width: 1 },
    ticks: { show: false },
    font: '12px system-ui, sans-serif',
  }
  return {
    width: box.clientWidth,
    height: HEIGHT_PX,
    cursor: { y: false },
    legend: { live: true },
    scales: { y: { range: (_, __, most) => [0, Math.max(most, least) * 1.1] } },
    axes: [
      { ...axis, values: (_, times) => times.map((time) => timeOfDay(time)), space: 70 },
      {
        ...axis,
        size: 64,
        values: (_, values) => values.map(format),
        ...(steps === undefined ? {} : { incrs: steps }),
      },
    ],
    series: [
      { label: 'time', value: (_, time) => (time === null ? '-' : timeOfDay(time)) },
      ...lines.map(({ label, isMain }) => ({
        label,
        stroke: colour(isMain ? '--accent' : '--quiet-text'),
        width: isMain ? 2 : 1.25,
        points: { size: 4 },
        value: (_: uPlot, value: number | null) => (value === null ? '-' : format(value)),
      })),
    ],
  }
}

function timeOfDay(seconds: number): string {
  return new Date(seconds * 1_000).toLocaleTimeString([], { hour: '2-digit', minute: '2-digit', hour12: false })
}
