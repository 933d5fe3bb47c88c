// The live camera: one frame at a time goes to the model. A frame that comes while it is busy is skipped, never queued.

const COUNTED = 3000 // milliseconds over which answers are counted

const SENTENCES = {
  NotAllowedError: "The camera was not allowed. Allow it for this page in your browser, then try again.",
  NotFoundError: "No camera was found.",
  OverconstrainedError: "No camera was found.",
  NotReadableError: "The camera could not be started: another program may be using it.",
  AbortError: "The camera could not be started: another program may be using it.",
  insecure: "Browsers lend the camera only to pages of a secure address (https).",
  framed: "This page is shown inside another one, which does not pass the camera on. Open it in a tab of its own.",
  ended: "The camera stopped.",
}

/** A camera that cannot be used; its message is one sentence for the person in front of it. */
export class CameraError extends Error {
  constructor(reason) {
    super(SENTENCES[reason])
    this.reason = reason
  }
}

function allowedHere() {
  const policy = document.permissionsPolicy ?? document.featurePolicy
  return policy?.allowsFeature?.("camera") ?? true
}

/** Return a stream of a camera. facing: "environment", what is in front of a phone, or "user". Throws CameraError. */
async function open(facing) {
  if (!isSecureContext || !navigator.mediaDevices) throw new CameraError("insecure")
  if (!allowedHere()) throw new CameraError("framed")
  const video = { facingMode: { ideal: facing }, width: { ideal: 640 }, height: { ideal: 480 } }
  try {
    return await navigator.mediaDevices.getUserMedia({ video, audio: false })
  } catch (error) {
    if (error.name === "NotAllowedError" && window !== top && !document.featurePolicy) throw new CameraError("framed")
    if (error.name in SENTENCES) throw new CameraError(error.name)
    throw error
  }
}

export class Camera {
  #video
  #answer
  #show
  #fail
  #stream = null
  #busy = false
  #times = []
  #facing = "environment"

  /** answer: called with a frame as ImageBitmap, returns a promise of its prediction; show: called with that, and with
   *  the answers per second; fail: called with an error, after which the camera is off. */
  constructor(video, { answer, show, fail }) {
    this.#video = video
    this.#answer = answer
    this.#show = show
    this.#fail = fail
    document.addEventListener("visibilitychange", () => this.#pause())
  }

  get on() { return this.#stream !== null }

  /** Return whether there is another camera to change to. */
  async others() {
    const devices = await navigator.mediaDevices.enumerateDevices()
    return devices.filter(device => device.kind === "videoinput").length > 1
  }

  async start() {
    const stream = await open(this.#facing)
    this.stop()
    this.#stream = stream
    const ended = () => stream === this.#stream && this.#end(new CameraError("ended"))
    stream.getVideoTracks()[0].addEventListener("ended", ended)
    this.#video.srcObject = stream
    this.#times = []
    await this.#video.play().catch(() => {}) // closed meanwhile, or hidden: then it plays once it is seen
    if (stream === this.#stream) this.#wait(stream)
  }

  async change() {
    this.#facing = this.#facing === "user" ? "environment" : "user"
    this.stop() // a phone lends one camera at a time
    await this.start()
  }

  stop() {
    for (const track of this.#stream?.getTracks() ?? []) track.stop()
    this.#stream = this.#video.srcObject = null
  }

  /** Return what the camera sees now, as a Blob. */
  async picture() {
    const { videoWidth: width, videoHeight: height } = this.#video
    const canvas = Object.assign(document.createElement("canvas"), { width, height })
    canvas.getContext("2d").drawImage(this.#video, 0, 0)
    return new Promise(done => canvas.toBlob(done, "image/png"))
  }

  #end(error) {
    this.stop()
    this.#fail(error)
  }

  #pause() {
    if (!this.on) return
    if (document.hidden) this.#video.pause()
    else this.#video.play().catch(() => {}) // closed meanwhile
  }

  #wait(stream) {
    const next = () => this.#frame(stream)
    if (this.#video.requestVideoFrameCallback) this.#video.requestVideoFrameCallback(next)
    else requestAnimationFrame(next)
  }

  async #frame(stream) {
    if (stream !== this.#stream) return
    this.#wait(stream)
    if (this.#busy || document.hidden || !this.#video.videoWidth) return
    this.#busy = true
    try {
      const prediction = await this.#answer(await createImageBitmap(this.#video))
      if (stream === this.#stream && !document.hidden) this.#show(prediction, this.#rate())
    } catch (error) {
      if (stream === this.#stream) this.#end(error)
    } finally {
      this.#busy = false
    }
  }

  #rate() {
    const now = performance.now()
    this.#times = [...this.#times.filter(time => now - time < COUNTED), now]
    const span = now - this.#times[0]
    return span ? 1000 * (this.#times.length - 1) / span : 0
  }
}
