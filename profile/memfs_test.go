package profile

import (
	"context"
	"fmt"
	"io/fs"
	"maps"
	"path/filepath"
	"slices"
	"strings"
)

// disk is a fileSystem in memory that knows which of its contents would
// survive a loss of power. It promises no more than POSIX does: a write is
// durable after the sync of its file, a name after the sync of its directory.
type disk struct {
	root *node
	ops  []string // every operation, in order
	// fail may refuse operation number n (from 0). Nil: none is refused. A
	// refused write writes half.
	fail func(n int, op string) error
	// after is called when operation number n is done, also if it was refused.
	after func(n int, op string)
}

// node is a file or a directory.
type node struct {
	content string // of a file, as a reader sees it
	durable string // as of its last sync
	dirty   bool   // content is not synced

	names   map[string]*node // of a directory, as a reader sees it; nil: a file
	lasting map[string]*node // as of its last sync
	pending []entry          // what was done to names since
}

// entry is one change of a directory: to is put in the place of from. Without
// from it is a new name, without to a removal.
type entry struct {
	from, to string
	node     *node
}

func newDir() *node { return &node{names: map[string]*node{}, lasting: map[string]*node{}} }

// newDisk makes a disk of durable files; a path that ends in / is a directory.
func newDisk(files map[string]string) *disk {
	d := &disk{root: newDir()}
	for path, content := range files {
		at := d.root
		parts := strings.Split(strings.Trim(path, "/"), "/")
		for i, name := range parts {
			next := at.names[name]
			if next == nil && (i < len(parts)-1 || strings.HasSuffix(path, "/")) {
				next = newDir()
			} else if next == nil {
				next = &node{content: content, durable: content}
			}
			at.names[name], at.lasting[name] = next, next
			at = next
		}
	}
	return d
}

// snapshot returns what a reader sees, as newDisk takes it.
func (d *disk) snapshot() map[string]string {
	files := map[string]string{}
	var walk func(path string, n *node)
	walk = func(path string, n *node) {
		if n.names == nil {
			files[path] = n.content
			return
		}
		files[path+"/"] = ""
		for name, child := range n.names {
			walk(path+"/"+name, child)
		}
	}
	walk("", d.root)
	delete(files, "/")
	return files
}

// crashes returns every state in which the disk may be after a crash now: each
// unsynced change of a directory is done or not, each unsynced content is
// absent, short, zeroed or whole.
func (d *disk) crashes() []map[string]string {
	seen := map[string]bool{}
	var states []map[string]string
	for _, state := range d.root.crashes("") {
		delete(state, "/")
		key := fmt.Sprint(state) // maps print in order
		if !seen[key] {
			seen[key] = true
			states = append(states, state)
		}
	}
	return states
}

func (n *node) crashes(path string) []map[string]string {
	if n.names == nil {
		contents := []string{n.durable}
		if n.dirty {
			contents = []string{n.durable, n.content[:len(n.content)/2], strings.Repeat("\x00", len(n.content)), n.content}
		}
		var states []map[string]string
		for _, c := range contents {
			states = append(states, map[string]string{path: c})
		}
		return states
	}
	var states []map[string]string
	for done := range 1 << len(n.pending) {
		names := maps.Clone(n.lasting)
		for i, e := range n.pending {
			if done&(1<<i) == 0 {
				continue
			}
			delete(names, e.from)
			if e.to != "" {
				names[e.to] = e.node
			}
		}
		product := []map[string]string{{path + "/": ""}}
		for name, child := range names {
			var longer []map[string]string
			for _, left := range product {
				for _, right := range child.crashes(path + "/" + name) {
					both := maps.Clone(left)
					maps.Copy(both, right)
					longer = append(longer, both)
				}
			}
			product = longer
		}
		states = append(states, product...)
	}
	return states
}

// do counts an operation and asks whether it is refused.
func (d *disk) do(verb, path string, act func() error) error {
	n, op := len(d.ops), verb+" "+opName(path)
	d.ops = append(d.ops, op)
	var err error
	if d.fail != nil {
		err = d.fail(n, op)
	}
	if err == nil {
		err = act()
	}
	if err != nil {
		err = &fs.PathError{Op: verb, Path: path, Err: err}
	}
	if d.after != nil {
		d.after(n, op)
	}
	return err
}

// opName is the base of a path, without the random part of a temporary file.
func opName(path string) string {
	base := filepath.Base(path)
	if strings.HasPrefix(base, tempPrefix) {
		return tempPrefix + filepath.Base(filepath.Dir(path))
	}
	return base
}

func (d *disk) find(path string) (*node, error) {
	at := d.root
	for name := range strings.SplitSeq(strings.Trim(filepath.ToSlash(path), "/"), "/") {
		if name == "" {
			continue
		}
		if at.names[name] == nil {
			return nil, fs.ErrNotExist
		}
		at = at.names[name]
	}
	return at, nil
}

func (d *disk) change(path string, e entry) error {
	dir, err := d.find(filepath.Dir(path))
	if err != nil {
		return err
	}
	delete(dir.names, e.from)
	if e.to != "" {
		dir.names[e.to] = e.node
	}
	dir.pending = append(dir.pending, e)
	return nil
}

func (d *disk) read(path string) (data []byte, err error) {
	err = d.do("read", path, func() error {
		n, err := d.find(path)
		if err != nil {
			return err
		}
		data = []byte(n.content)
		return nil
	})
	return data, err
}

func (d *disk) list(dir string) (names []string, err error) {
	err = d.do("list", dir, func() error {
		n, err := d.find(dir)
		if err != nil {
			return err
		}
		names = slices.Sorted(maps.Keys(n.names))
		return nil
	})
	return names, err
}

func (d *disk) makeDir(path string) error {
	return d.do("mkdir", path, func() error {
		if _, err := d.find(path); err == nil {
			return fs.ErrExist
		}
		return d.change(path, entry{to: filepath.Base(path), node: newDir()})
	})
}

func (d *disk) createTemp(dir string) (file, error) {
	f := &memFile{disk: d, node: &node{}, path: filepath.Join(dir, fmt.Sprintf("%s%d", tempPrefix, len(d.ops)))}
	err := d.do("create", f.path, func() error {
		return d.change(f.path, entry{to: filepath.Base(f.path), node: f.node})
	})
	if err != nil {
		return nil, err
	}
	return f, nil
}

func (d *disk) rename(from, to string) error {
	return d.do("rename", to, func() error {
		n, err := d.find(from)
		if err != nil {
			return err
		}
		if filepath.Dir(from) != filepath.Dir(to) {
			return fmt.Errorf("rename from one directory to another: %s", from)
		}
		return d.change(to, entry{from: filepath.Base(from), to: filepath.Base(to), node: n})
	})
}

func (d *disk) remove(path string) error {
	return d.do("remove", path, func() error {
		if _, err := d.find(path); err != nil {
			return err
		}
		return d.change(path, entry{from: filepath.Base(path)})
	})
}

func (d *disk) removeAll(path string) error {
	return d.do("removeall", path, func() error {
		if _, err := d.find(path); err != nil {
			return nil
		}
		return d.change(path, entry{from: filepath.Base(path)})
	})
}

func (d *disk) syncDir(dir string) error {
	return d.do("syncdir", dir, func() error {
		n, err := d.find(dir)
		if err == nil {
			n.lasting, n.pending = maps.Clone(n.names), nil
		}
		return err
	})
}

func (d *disk) lock(_ context.Context, path string) (func(), error) {
	return func() {}, d.do("lock", path, func() error {
		_, err := d.find(filepath.Dir(path))
		return err
	})
}

type memFile struct {
	disk *disk
	node *node
	path string
}

func (f *memFile) Name() string { return f.path }

func (f *memFile) Write(p []byte) (int, error) {
	written := 0
	err := f.disk.do("write", f.path, func() error {
		written = len(p)
		return nil
	})
	if err != nil {
		written = len(p) / 2
	}
	f.node.content += string(p[:written])
	f.node.dirty = true
	return written, err
}

func (f *memFile) Sync() error {
	return f.disk.do("sync", f.path, func() error {
		f.node.durable, f.node.dirty = f.node.content, false
		return nil
	})
}

func (f *memFile) Close() error {
	return f.disk.do("close", f.path, func() error { return nil })
}
