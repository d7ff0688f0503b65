// Every question is heard. Gradio's server ends the stream of answers when nothing is asked any more, and its client
// opens another for a question that gets its number while none is open (6.31). A number that overtakes the news of
// the end would be waited for where nothing comes any more, for ever: here the stream then goes on as a new one.
(() => {
  const fetched = window.fetch, unanswered = new Set(), answered = new Set();
  const NEWS = /^data: \{"msg":"(close_stream|process_completed)","event_id":(?:null|"(\w+)")/;

  async function* events(body) {
    const reader = body.getReader(), decoder = new TextDecoder();
    let rest = '';
    try {
      for (;;) {
        const { done, value } = await reader.read();
        if (done) return;
        const pieces = (rest + decoder.decode(value, { stream: true })).split('\n\n');
        rest = pieces.pop();
        for (const piece of pieces) yield `${piece}\n\n`;
      }
    } finally {
      reader.cancel().catch(() => {});  // it may be lost already
    }
  }

  // The events of an answer to `asked`, and of others to the same, until nothing is waited for.
  async function* lasting(asked, body) {
    let isEnd = false, isOver = false;
    try {
      while (!isOver) {
        isOver = true;
        for await (const event of events(body)) {
          const [, news, number] = NEWS.exec(event) ?? [];
          if (news === 'process_completed' && !unanswered.delete(number)) answered.add(number);
          isEnd = news === 'close_stream';
          if (isEnd && unanswered.size) {
            isOver = false;
            break;
          }
          yield event;
        }
        if (!isOver) ({ body } = await fetched(asked.clone()));
      }
    } finally {
      if (!isEnd) unanswered.clear();  // the stream was lost, and the client says so
    }
  }

  function streamed(texts) {
    const encoder = new TextEncoder();
    return new ReadableStream({
      async pull(out) {
        const { done, value } = await texts.next();
        if (done) out.close();
        else out.enqueue(encoder.encode(value));
      },
      cancel: () => { texts.return(); },
    });
  }

  window.fetch = async (...request) => {
    const address = request[0].url ?? String(request[0]);
    if (address.includes('/queue/data')) {
      const asked = new Request(...request), response = await fetched(asked.clone());
      return response.ok ? new Response(streamed(lasting(asked, response.body)), response) : response;
    }
    const response = await fetched(...request);
    if (response.ok && address.includes('/queue/join')) {
      const { event_id } = await response.clone().json();
      if (!answered.delete(event_id)) unanswered.add(event_id);
    }
    return response;
  };
})();
