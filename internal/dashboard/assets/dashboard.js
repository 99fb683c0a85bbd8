// Makes the pages pleasanter; they work without it. Nothing here asks a server for anything.
'use strict';

// Copy buttons appear only where copying works.
async function copy(button, text) {
  const label = button.firstChild;
  const was = label.textContent;
  try {
    await navigator.clipboard.writeText(text);
    label.textContent = 'Copied';
  } catch {
    label.textContent = 'Not copied';
  }
  setTimeout(() => { label.textContent = was; }, 1600);
}

function textOf(button) {
  if (button.dataset.copy) return button.dataset.copy;
  if (button.dataset.copyFrom) return document.getElementById(button.dataset.copyFrom).textContent;
  return button.closest('.lines').querySelector('code').textContent;
}

if (navigator.clipboard) {
  for (const button of document.querySelectorAll('button.copy')) {
    button.hidden = false;
    button.addEventListener('click', () => copy(button, textOf(button)));
  }
}

// A form is sent once. The button that was pressed is part of what is sent, so it goes quiet only afterwards.
for (const form of document.querySelectorAll('form[method=post]')) {
  form.addEventListener('submit', (event) => {
    if (form.dataset.sent) {
      event.preventDefault();
      return;
    }
    form.dataset.sent = 'yes';
    form.setAttribute('aria-busy', 'true');
  });
}
window.addEventListener('pageshow', () => { // back again, by the browser's button
  for (const form of document.querySelectorAll('form[data-sent]')) {
    delete form.dataset.sent;
    form.removeAttribute('aria-busy');
  }
});

// One menu at a time; a click elsewhere or Escape closes it.
const menus = document.querySelectorAll('details.menu');
document.addEventListener('click', (event) => {
  for (const menu of menus) if (!menu.contains(event.target)) menu.open = false;
});
document.addEventListener('keydown', (event) => {
  if (event.key !== 'Escape') return;
  for (const menu of menus) {
    if (!menu.open) continue;
    menu.open = false;
    menu.querySelector('summary').focus();
  }
});

// Enter in the search of a picker searches, whatever was typed there.
for (const find of document.querySelectorAll('.picker input[type=search]')) {
  find.addEventListener('keydown', (event) => {
    if (event.key !== 'Enter' || event.isComposing) return;
    event.preventDefault();
    find.parentElement.querySelector('button').click();
  });
}

// An order or another choice of a filter shows at once.
for (const form of document.querySelectorAll('form.filter')) {
  for (const select of form.querySelectorAll('select')) select.addEventListener('change', () => form.requestSubmit());
}

// Signing out in one tab leaves no page of the others on the screen.
const tabs = 'BroadcastChannel' in window ? new BroadcastChannel('dualmint-session') : null;
if (tabs) {
  for (const form of document.querySelectorAll('form[data-signs-out]')) form.addEventListener('submit', () => sessionStorage.setItem('signing-out', 'yes'));
  if (document.body.classList.contains('outside')) {
    if (sessionStorage.getItem('signing-out')) tabs.postMessage('signed out');
    sessionStorage.removeItem('signing-out');
  } else {
    tabs.addEventListener('message', () => location.reload());
  }
}
