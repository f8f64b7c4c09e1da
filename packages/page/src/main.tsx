/** Entry of the operator page. */
import { render } from 'preact'

const place = document.getElementById('page')
if (place !== null) render(<p>Rootferry</p>, place)
