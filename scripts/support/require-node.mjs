// Import this first: it ends the process with advice when this Node cannot run Posthorn, whose dependencies are ES modules
// that are loaded by require(). Written, like all that is imported beside it, so that an old Node can still read it.
const [major, minor] = process.versions.node.split('.').map(Number);

if (!((major === 20 && minor >= 19) || (major === 22 && minor >= 12) || major > 22)) {
  console.error(`Posthorn needs Node 20.19 or newer (of the 22 line: 22.12); this is Node ${process.versions.node}.`);
  console.error('Get it from https://nodejs.org, or with nvm: nvm install && nvm use');
  process.exit(1);
}
