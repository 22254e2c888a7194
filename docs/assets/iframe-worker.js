// Search where the site is opened as files: browsers start no Worker from file:, so the same script runs in a hidden frame.
if (location.protocol === "file:") {
  window.Worker = class extends EventTarget {
    constructor(url) {
      super()
      this.onmessage = null
      this.waiting = []
      this.frame = document.createElement("iframe")
      this.frame.hidden = true
      this.frame.srcdoc = `<body><script>
        self.importScripts = (...urls) => urls.reduce((before, url) => before.then(() => new Promise(done => {
          const script = document.createElement("script")
          script.src = url
          script.onload = done
          document.body.append(script)
        })), Promise.resolve())
        self.hear = self.postMessage.bind(self)
        self.postMessage = data => parent.postMessage({ fromFrame: true, data }, "*")
      </` + `script><script src="${url}"></` + `script>`
      this.frame.onload = () => {
        this.ready = true
        this.waiting.splice(0).forEach(data => this.postMessage(data))
      }
      addEventListener("message", event => {
        if (event.source !== this.frame.contentWindow || !event.data.fromFrame) return
        const heard = new MessageEvent("message", { data: event.data.data })
        this.dispatchEvent(heard)
        if (this.onmessage) this.onmessage(heard)
      })
      document.body.append(this.frame)
    }
    postMessage(data) {
      if (this.ready) this.frame.contentWindow.hear(data, "*")
      else this.waiting.push(data)
    }
    terminate() { this.frame.remove() }
  }
}
