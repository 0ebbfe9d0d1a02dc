package profile

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
)

// Memory is a Store that forgets: for tests and demonstrations. The zero value
// is empty and ready.
type Memory struct {
	mu          sync.Mutex
	generations map[ID][][]byte // encoded, so that nobody shares memory with the store
}

var _ Store = (*Memory)(nil)

// List implements Store.
func (m *Memory) List(ctx context.Context) ([]ID, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Sorted(maps.Keys(m.generations)), ctx.Err()
}

// Load implements Store.
func (m *Memory) Load(ctx context.Context, id ID) (Profile, error) {
	if err := checkCall(ctx, id); err != nil {
		return Profile{}, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	p, err := m.current(id)
	if err == nil && p.Generation == 0 {
		err = fmt.Errorf("profile %s: %w", id, ErrNotFound)
	}
	return p, err
}

// Save implements Store.
func (m *Memory) Save(ctx context.Context, p Profile, base uint64, why Reason) (Profile, error) {
	if err := checkCall(ctx, p.ID); err != nil {
		return Profile{}, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	old, err := m.current(p.ID)
	if err == nil {
		err = checkBase(old.Generation, base)
	}
	if err == nil {
		p, err = m.commit(p, old, why)
	}
	if err != nil {
		return Profile{}, fmt.Errorf("save profile %s: %w", p.ID, err)
	}
	return p, nil
}

// Restore implements Store.
func (m *Memory) Restore(ctx context.Context, id ID, n uint64, why Reason) (Profile, error) {
	if err := checkCall(ctx, id); err != nil {
		return Profile{}, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	all := m.generations[id]
	if n == 0 || n > uint64(len(all)) {
		return Profile{}, fmt.Errorf("profile %s, generation %d: %w", id, n, ErrNotFound)
	}
	wanted, err := decodeGeneration(all[n-1])
	if err != nil {
		return Profile{}, err
	}
	old, err := m.current(id)
	if err != nil {
		return Profile{}, err
	}
	return m.commit(restored(old, wanted.Profile), old, why)
}

// current returns the newest generation, the zero Profile if there is none.
func (m *Memory) current(id ID) (Profile, error) {
	all := m.generations[id]
	if len(all) == 0 {
		return Profile{}, nil
	}
	g, err := decodeGeneration(all[len(all)-1])
	return g.Profile, err
}

func (m *Memory) commit(p, old Profile, why Reason) (Profile, error) {
	g, data, err := next(p, old, old.Generation, why)
	if err != nil {
		return p, err
	}
	if m.generations == nil {
		m.generations = make(map[ID][][]byte)
	}
	m.generations[p.ID] = append(m.generations[p.ID], data)
	return g.Profile, nil
}

// History implements Store.
func (m *Memory) History(ctx context.Context, id ID) ([]Generation, error) {
	if err := checkCall(ctx, id); err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.generations[id]) == 0 {
		return nil, fmt.Errorf("profile %s: %w", id, ErrNotFound)
	}
	var all []Generation
	for _, data := range m.generations[id] {
		g, err := decodeGeneration(data)
		if err != nil {
			return nil, err
		}
		all = append(all, g)
	}
	return all, nil
}

// Delete implements Store.
func (m *Memory) Delete(ctx context.Context, id ID) error {
	if err := checkCall(ctx, id); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.generations[id]) == 0 {
		return fmt.Errorf("profile %s: %w", id, ErrNotFound)
	}
	delete(m.generations, id)
	return nil
}
