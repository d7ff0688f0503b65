// What is handed over: a file, a text, the address of a view of an example.
(() => {
  const { say } = window.msresnet;

  const copy = async (text) => {
    try {
      await navigator.clipboard.writeText(text);
    } catch { // not allowed, or not a secure page
      const area = document.body.appendChild(document.createElement('textarea'));
      area.value = text;
      area.select();
      document.execCommand('copy');
      area.remove();
    }
  };
  const exampleOf = (image) => image?.path?.match(/msresnet-examples[/\\]([\w-]+)\.jpg$/)?.[1];
  const copyLink = async ({ example, model, method, class: index, against }) => {
    const query = new URLSearchParams({ example, model, class: index, method });
    if (against >= 0) query.set('against', against);
    await copy(`${location.origin}${location.pathname}?${query}`);
    const told = document.querySelector('.ms-copied');
    told.textContent = say('link-copied');
    setTimeout(() => { told.textContent = ''; }, 4000);
  };
  const download = (file) => {
    if (!file) return;
    const link = document.createElement('a');
    link.href = file.url;
    link.download = file.orig_name;
    link.click();
  };
  document.addEventListener('click', async (event) => {
    const button = event.target.closest('[data-copy]');
    if (!button) return;
    await copy(button.closest('.ms-code').querySelector('code').textContent);
    const label = button.textContent;
    button.textContent = say('copied');
    setTimeout(() => { button.textContent = label; }, 2000);
  });
  Object.assign(window.msresnet, { exampleOf, copyLink, download });
})();
