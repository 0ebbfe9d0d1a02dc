package bustest

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/godbus/dbus/v5"
)

const (
	watcherName = "org.kde.StatusNotifierWatcher"
	itemName    = "org.kde.StatusNotifierItem"
	menuName    = "com.canonical.dbusmenu"
)

// Tray is a tray that has room for an icon.
type Tray struct {
	// Items are the icons, in the order in which they registered.
	Items chan *Item
	conn  *dbus.Conn
}

// Tray opens a tray. Items that are there already register when they see it.
func (b *Bus) Tray() (*Tray, error) {
	return b.tray(0)
}

// DeafTray opens a tray that overlooks the first call that it gets.
func (b *Bus) DeafTray() (*Tray, error) { return b.tray(1) }

func (b *Bus) tray(overlooks int) (*Tray, error) {
	t := &Tray{Items: make(chan *Item, 8)}
	m := &trayMethods{bus: b, tray: t, overlooks: overlooks}
	var err error
	t.conn, err = b.own(watcherName, m, "/StatusNotifierWatcher")
	if err == nil {
		err = t.conn.Export(m, "/StatusNotifierWatcher", "org.freedesktop.DBus.Properties")
	}
	return t, err
}

// Close closes the tray; its items live on.
func (t *Tray) Close() error { return t.conn.Close() }

type trayMethods struct {
	bus  *Bus
	tray *Tray

	mu        sync.Mutex
	overlooks int      // calls that are still overlooked
	items     []string // registered
}

// RegisterStatusNotifierItem is how an icon asks for its place.
func (m *trayMethods) RegisterStatusNotifierItem(path string, sender dbus.Sender) *dbus.Error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.overlooks > 0 {
		m.overlooks--
		return nil
	}
	name := string(sender) + path
	if slices.Contains(m.items, name) {
		return nil // as other trays do
	}
	item, err := m.bus.item(string(sender), dbus.ObjectPath(path))
	if err != nil {
		return dbus.MakeFailedError(err)
	}
	m.items = append(m.items, name)
	select {
	case m.tray.Items <- item:
		return nil
	default:
		return dbus.MakeFailedError(errors.New("the tray is full"))
	}
}

// Get is the one property that is asked for: RegisteredStatusNotifierItems.
func (m *trayMethods) Get(string, string) (dbus.Variant, *dbus.Error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return dbus.MakeVariant(append([]string{}, m.items...)), nil
}

// Item is an icon in a tray, as the tray sees it.
type Item struct {
	// Changed tells when the icon has changed.
	Changed chan time.Time

	conn    *dbus.Conn
	object  dbus.BusObject
	menu    dbus.BusObject
	signals chan *dbus.Signal
}

func (b *Bus) item(owner string, path dbus.ObjectPath) (*Item, error) {
	conn, err := dbus.Connect(b.Addr)
	if err != nil {
		return nil, err
	}
	i := &Item{
		conn: conn, object: conn.Object(owner, path), menu: conn.Object(owner, path+"/menu"),
		Changed: make(chan time.Time, 64), signals: make(chan *dbus.Signal, 64),
	}
	conn.Signal(i.signals)
	if err := conn.AddMatchSignal(dbus.WithMatchSender(owner), dbus.WithMatchInterface(itemName)); err != nil {
		conn.Close()
		return nil, err
	}
	go func() { // until the connection is closed
		for range i.signals {
			select {
			case i.Changed <- time.Now():
			default:
			}
		}
		close(i.Changed)
	}()
	return i, nil
}

// Close ends looking at the item.
func (i *Item) Close() error { return i.conn.Close() }

// Tooltip is what the icon says when one points at it.
func (i *Item) Tooltip() (string, error) {
	v, err := i.object.GetProperty(itemName + ".ToolTip")
	if err != nil {
		return "", err
	}
	tip, ok := v.Value().([]any)
	if !ok || len(tip) != 4 {
		return "", fmt.Errorf("the tooltip is %v", v)
	}
	text, _ := tip[2].(string)
	return text, nil
}

// Property is a text of the item, such as Id or Title.
func (i *Item) Property(name string) (text string, err error) {
	v, err := i.object.GetProperty(itemName + "." + name)
	if err != nil {
		return "", err
	}
	return text, v.Store(&text)
}

// Picture is the icon: its width and height, and four bytes a pixel.
func (i *Item) Picture() (width, height int, pixels []byte, err error) {
	v, err := i.object.GetProperty(itemName + ".IconPixmap")
	if err != nil {
		return 0, 0, nil, err
	}
	var pictures []struct {
		W, H   int32
		Pixels []byte
	}
	if err := v.Store(&pictures); err != nil || len(pictures) != 1 {
		return 0, 0, nil, fmt.Errorf("%d pictures: %w", len(pictures), err)
	}
	return int(pictures[0].W), int(pictures[0].H), pictures[0].Pixels, nil
}

// Tap clicks on the icon.
func (i *Item) Tap() error { return i.object.Call(itemName+".Activate", 0, int32(0), int32(0)).Err }

// Entry is one line of the menu.
type Entry struct {
	Label   string // empty: a separator
	Enabled bool
	id      int32
}

type layout struct {
	ID       int32
	Props    map[string]dbus.Variant
	Children []dbus.Variant
}

// Menu is the menu of the icon.
func (i *Item) Menu() ([]Entry, error) {
	var revision uint32
	var root layout
	if err := i.menu.Call(menuName+".GetLayout", 0, int32(0), int32(-1), []string{}).Store(&revision, &root); err != nil {
		return nil, err
	}
	var entries []Entry
	for _, v := range root.Children {
		var l layout
		if err := dbus.Store([]any{v.Value()}, &l); err != nil {
			return nil, err
		}
		e := Entry{id: l.ID, Enabled: true}
		if label, ok := l.Props["label"]; ok {
			label.Store(&e.Label)
		}
		if enabled, ok := l.Props["enabled"]; ok {
			enabled.Store(&e.Enabled)
		}
		entries = append(entries, e)
	}
	return entries, nil
}

// Click clicks on the line of the menu that has the label.
func (i *Item) Click(label string) error {
	entries, err := i.Menu()
	if err != nil {
		return err
	}
	for _, e := range entries {
		if e.Label == label && e.Enabled {
			return i.menu.Call(menuName+".Event", 0, e.id, "clicked", dbus.MakeVariant(""), uint32(0)).Err
		}
	}
	return fmt.Errorf("no line %q that can be clicked in %v", label, entries)
}
