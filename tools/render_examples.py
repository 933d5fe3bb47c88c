"""Render the example images of the demo, from nothing but the shapes below: the bodies
are balls melted together, the fur is drawn hair by hair, Blender's Cycles does the light.

    pip install "bpy==4.5.*"             # Blender as a Python 3.11 module
    python render_examples.py            # all images, into ./out
    python render_examples.py teddy-1    # one image
    python render_examples.py teddy-1 --preview   # smaller and rougher, for trying things out

Half a minute to a minute an image on two cores; no GPU, no window, no downloads.
"""
import argparse
import math
import pathlib
import time

import bmesh
import bpy  # first: it brings bmesh and mathutils
import numpy as np
from mathutils import Matrix, Vector, kdtree

# ---------------------------------------------------------------- shapes


def link(obj):
    bpy.context.scene.collection.objects.link(obj)
    return obj


def blob(strokes, voxel=0.015, smooth=6, mat=None):
    """Melt strokes into one skin. A stroke is a list of (x, y, z, r), drawn as a string
    of balls; r may be three radii."""
    bm = bmesh.new()
    for stroke in strokes:
        pts = [(Vector(p[:3]), Vector(p[3]) if isinstance(p[3], tuple) else Vector((p[3],) * 3)) for p in stroke]
        dots = pts[:1]
        for (a, ra), (b, rb) in zip(pts, pts[1:]):
            n = max(2, int((b - a).length / (0.25 * min(*ra, *rb))))
            dots += [(a.lerp(b, i / n), ra.lerp(rb, i / n)) for i in range(1, n + 1)]
        for c, r in dots:
            bmesh.ops.create_icosphere(bm, subdivisions=3, radius=1, matrix=Matrix.Translation(c) @ Matrix.Diagonal((*r, 1)))
    mesh = bpy.data.meshes.new("blob")
    bm.to_mesh(mesh)
    obj = link(bpy.data.objects.new("blob", mesh))
    remesh = obj.modifiers.new("remesh", "REMESH")
    remesh.mode, remesh.voxel_size, remesh.use_smooth_shade = "VOXEL", voxel, True
    melt = obj.modifiers.new("smooth", "SMOOTH")
    melt.iterations, melt.factor = smooth, 0.5
    obj.data = bpy.data.meshes.new_from_object(obj.evaluated_get(bpy.context.evaluated_depsgraph_get()))
    obj.modifiers.clear()
    if mat:
        obj.data.materials.append(mat)
    return obj


def pair(stroke):
    """A stroke and its mirror image."""
    return [stroke, [(x, -y, z, r) for x, y, z, r in stroke]]


def ball(where, r, mat):
    """A smooth ellipsoid (r: one radius or three)."""
    bpy.ops.mesh.primitive_uv_sphere_add(segments=48, ring_count=24, location=where)
    obj = bpy.context.object
    obj.scale = r if isinstance(r, tuple) else (r, r, r)
    bpy.ops.object.shade_smooth()
    obj.data.materials.append(mat)
    return obj


def balls(where, r, mat):
    """Two of them, left and right."""
    return [ball((where[0], side * where[1], where[2]), r, mat) for side in (1, -1)]


def box(where, size, mat, round_=0.05, turn=(0, 0, 0)):
    bpy.ops.mesh.primitive_cube_add(size=1, location=where, rotation=turn)
    obj = bpy.context.object
    obj.scale = size
    bpy.ops.object.transform_apply(location=False, rotation=False, scale=True)
    bevel = obj.modifiers.new("bevel", "BEVEL")
    bevel.width, bevel.segments = round_, 6
    bpy.ops.object.shade_smooth()
    obj.data.materials.append(mat)
    return obj


def prism(profile, width, mat, round_=0.03):
    """An outline in x and z, drawn out along y, with rounded edges."""
    bm = bmesh.new()
    a, b = ([bm.verts.new((x, side * width / 2, z)) for x, z in profile] for side in (-1, 1))
    bm.faces.new(a)
    bm.faces.new(b[::-1])
    for i in range(len(profile)):
        bm.faces.new((a[i - 1], b[i - 1], b[i], a[i]))
    bmesh.ops.recalc_face_normals(bm, faces=bm.faces)
    mesh = bpy.data.meshes.new("prism")
    bm.to_mesh(mesh)
    mesh.materials.append(mat)
    mesh.shade_smooth()
    obj = link(bpy.data.objects.new("prism", mesh))
    bevel = obj.modifiers.new("bevel", "BEVEL")
    bevel.width, bevel.segments = round_, 6
    return obj


def disc(where, r, depth, mat, turn=(0, 0, 0), round_=0.02):
    bpy.ops.mesh.primitive_cylinder_add(vertices=96, radius=r, depth=depth, location=where, rotation=turn)
    obj = bpy.context.object
    bevel = obj.modifiers.new("bevel", "BEVEL")
    bevel.width, bevel.segments = round_, 4
    obj.data.materials.append(mat)
    return obj


# ---------------------------------------------------------------- fur and grass


def fur(obj, n, length, colour, comb, lay=0.6, thick=0.003, clump=0.5, messy=0.2, keys=6, seed=0, gloss=0.35):
    """n hairs on obj. length, comb and colour are functions of the root points (N, 3):
    -> (N,) in metres, -> (N, 3) the way the hair lies, and (points, t) -> (N, 3) linear RGB
    at t = 0 (root) to 1 (tip). lay: 0 stands up, 1 lies flat."""
    rng = np.random.default_rng(seed)
    mesh = obj.data
    mesh.calc_loop_triangles()
    tris = np.empty(len(mesh.loop_triangles) * 3, np.int32)
    mesh.loop_triangles.foreach_get("vertices", tris)
    verts, normals = (np.empty(len(mesh.vertices) * 3, np.float32) for _ in "ab")
    mesh.vertices.foreach_get("co", verts)
    mesh.vertices.foreach_get("normal", normals)
    tris, verts, normals = tris.reshape(-1, 3), verts.reshape(-1, 3), normals.reshape(-1, 3)
    a, b, c = (verts[tris[:, i]] for i in range(3))
    area = np.linalg.norm(np.cross(b - a, c - a), axis=1)
    pick = rng.choice(len(tris), n, p=area / area.sum())
    w = rng.dirichlet((1, 1, 1), n)[:, :, None]
    root = (verts[tris[pick]] * w).sum(1)
    normal = unit((normals[tris[pick]] * w).sum(1))

    size = length(root) * rng.uniform(0.7, 1.15, n)
    keep = size > 1e-4
    root, normal, size = root[keep], normal[keep], size[keep]
    n = len(root)
    flow = comb(root)
    flow = unit(flow - (flow * normal).sum(1, keepdims=True) * normal)
    way = unit(normal * (1 - lay) + flow * lay + rng.normal(0, messy, (n, 3)))
    t = np.linspace(0, 1, keys)[None, :, None]
    bend = unit(way * 0.7 + flow * lay + np.array((0, 0, -0.25 * lay)))     # the tip leans over
    pts = root[:, None] + size[:, None, None] * (way[:, None] * t * (1 - t / 2) + bend[:, None] * t * t / 2)
    if clump:                                                               # tufts: tips meet
        guides = rng.choice(n, n // 50, replace=False)
        tree = kdtree.KDTree(len(guides))
        for i, g in enumerate(guides):
            tree.insert(root[g], i)
        tree.balance()
        mine = guides[[tree.find(p)[1] for p in root]]
        pts += clump * t ** 1.5 * (pts[mine] - pts) * rng.uniform(0.5, 1, (n, 1, 1))
    rgb = np.stack([colour(root, k) for k in t.ravel()], 1) * rng.uniform(0.7, 1.2, (n, 1, 1))
    hair = bpy.data.hair_curves.new("fur")
    hair.add_curves([keys] * n)
    hair.attributes["position"].data.foreach_set("vector", pts.astype(np.float32).ravel())
    radius = hair.attributes.get("radius") or hair.attributes.new("radius", "FLOAT", "POINT")
    radius.data.foreach_set("value", np.tile(thick * (1 - 0.8 * t.ravel()), n).astype(np.float32))
    rgba = np.concatenate([rgb, np.ones((n, keys, 1))], 2).astype(np.float32)
    hair.attributes.new("tint", "FLOAT_COLOR", "POINT").data.foreach_set("color", rgba.ravel())
    hair.materials.append(hair_material(gloss))
    return link(bpy.data.objects.new("fur", hair))


def unit(v):
    return v / np.maximum(np.linalg.norm(v, axis=-1, keepdims=True), 1e-9)


def near(p, centre, r, soft=0.5):
    """1 within r of centre, falling to 0 at r * (1 + soft); r may be three radii."""
    d = np.linalg.norm((p - np.array(centre)) / np.array(r), axis=1)
    return np.clip((1 + soft - d) / soft, 0, 1)[:, None]


def both(p, centre, r, soft=0.5):
    """near(), on both sides of the animal."""
    return near(p * (1, 0, 1) + np.abs(p) * (0, 1, 0), centre, r, soft)


def mix(a, b, f):
    return np.asarray(a) * (1 - f) + np.asarray(b) * f


# ---------------------------------------------------------------- materials, light, camera


def material(colour=(0.8, 0.8, 0.8), rough=0.5, name="plain", **inputs):
    mat = bpy.data.materials.new(name)
    mat.use_nodes = True
    bsdf = mat.node_tree.nodes["Principled BSDF"]
    bsdf.inputs["Base Color"].default_value = (*colour, 1)
    bsdf.inputs["Roughness"].default_value = rough
    for key, value in inputs.items():
        bsdf.inputs[key.replace("_", " ")].default_value = value
    return mat


def hair_material(gloss):
    mat = material(rough=0.45, name="hair", Specular_IOR_Level=gloss)
    nodes, links = mat.node_tree.nodes, mat.node_tree.links
    tint = nodes.new("ShaderNodeAttribute")
    tint.attribute_name = "tint"
    links.new(tint.outputs["Color"], nodes["Principled BSDF"].inputs["Base Color"])
    return mat


def patterned(dark, light, scale=4, stretch=(1, 1, 1), rough=0.5, bump=0.1, detail=6, contrast=0.25):
    """Two colours in stretched noise: wood, cloth, soil."""
    mat = material(rough=rough, name="patterned")
    nodes, links = mat.node_tree.nodes, mat.node_tree.links
    where, mapping = nodes.new("ShaderNodeTexCoord"), nodes.new("ShaderNodeMapping")
    noise, ramp, bumps = nodes.new("ShaderNodeTexNoise"), nodes.new("ShaderNodeValToRGB"), nodes.new("ShaderNodeBump")
    mapping.inputs["Scale"].default_value = stretch
    noise.inputs["Scale"].default_value, noise.inputs["Detail"].default_value = scale, detail
    for stop, at, rgb in zip(ramp.color_ramp.elements, (0.5 - contrast, 0.5 + contrast), (dark, light)):
        stop.position, stop.color = at, (*rgb, 1)
    bumps.inputs["Strength"].default_value = bump
    links.new(where.outputs["Object"], mapping.inputs["Vector"])
    links.new(mapping.outputs["Vector"], noise.inputs["Vector"])
    links.new(noise.outputs["Fac"], ramp.inputs["Fac"])
    links.new(ramp.outputs["Color"], nodes["Principled BSDF"].inputs["Base Color"])
    links.new(noise.outputs["Fac"], bumps.inputs["Height"])
    links.new(bumps.outputs["Normal"], nodes["Principled BSDF"].inputs["Normal"])
    return mat


def world(colour, strength=1.0):
    w = bpy.data.worlds.new("world")
    bpy.context.scene.world = w
    w.use_nodes = True
    back = w.node_tree.nodes["Background"]
    back.inputs["Color"].default_value, back.inputs["Strength"].default_value = (*colour, 1), strength
    return w.node_tree


def forest(dark=(0.012, 0.028, 0.01), light=(0.20, 0.30, 0.06), strength=1.8, seed=0.0):
    """A world that looks like out-of-focus trees: soft green patches, dark trunks, light above."""
    tree = world(dark, strength)
    nodes, links = tree.nodes, tree.links
    where = nodes.new("ShaderNodeTexCoord").outputs["Generated"]

    def noise(scale, stretch, lo, hi, rgb_lo, rgb_hi):
        m, n, r = nodes.new("ShaderNodeMapping"), nodes.new("ShaderNodeTexNoise"), nodes.new("ShaderNodeValToRGB")
        m.inputs["Scale"].default_value = stretch
        m.inputs["Location"].default_value = (seed, seed, 0)
        n.inputs["Scale"].default_value, n.inputs["Detail"].default_value = scale, 1.5
        for stop, at, rgb in zip(r.color_ramp.elements, (lo, hi), (rgb_lo, rgb_hi)):
            stop.position, stop.color = at, (*rgb, 1)
        links.new(where, m.inputs["Vector"])
        links.new(m.outputs["Vector"], n.inputs["Vector"])
        links.new(n.outputs["Fac"], r.inputs["Fac"])
        return r.outputs["Color"]

    def blend(kind, a, b):
        m = nodes.new("ShaderNodeMix")
        m.data_type, m.blend_type = "RGBA", kind
        m.inputs["Factor"].default_value = 1
        links.new(a, m.inputs["A"])
        links.new(b, m.inputs["B"])
        return m.outputs["Result"]

    leaves = noise(9, (1, 1, 1), 0.35, 0.7, dark, light)
    spots, soft = nodes.new("ShaderNodeTexVoronoi"), nodes.new("ShaderNodeValToRGB")          # gaps in the leaves
    spots.inputs["Scale"].default_value = 13
    for stop, at, rgb in zip(soft.color_ramp.elements, (0.22, 0.34), ((0.16, 0.19, 0.07), (0, 0, 0))):
        stop.position, stop.color = at, (*rgb, 1)
    links.new(where, spots.inputs["Vector"])
    links.new(spots.outputs["Distance"], soft.inputs["Fac"])
    glints = soft.outputs["Color"]
    trunks = noise(14, (1, 1, 0.06), 0.40, 0.50, (0.25, 0.2, 0.15), (1, 1, 1))
    links.new(blend("MULTIPLY", blend("ADD", leaves, glints), trunks), nodes["Background"].inputs["Color"])


def lamp(where, at, power, size, colour=(1, 1, 1)):
    light = bpy.data.lights.new("lamp", "AREA")
    light.energy, light.size, light.color = power, size, colour
    aim(link(bpy.data.objects.new("lamp", light)), where, at)


def sun(direction, power, angle=0.1, colour=(1, 0.93, 0.82)):
    light = bpy.data.lights.new("sun", "SUN")
    light.energy, light.angle, light.color = power, angle, colour
    aim(link(bpy.data.objects.new("sun", light)), (0, 0, 0), direction)


def aim(obj, where, at):
    obj.location = where
    obj.rotation_euler = (Vector(at) - Vector(where)).to_track_quat("-Z", "Y").to_euler()


def camera(where, at, lens=50, fstop=4.0, focus=None):
    cam = bpy.data.cameras.new("camera")
    obj = link(bpy.data.objects.new("camera", cam))
    aim(obj, where, at)
    cam.lens = lens
    cam.dof.use_dof, cam.dof.aperture_fstop = True, fstop
    cam.dof.focus_distance = (Vector(focus or at) - Vector(where)).length
    bpy.context.scene.camera = obj


# ---------------------------------------------------------------- settings


def meadow(n=600000, size=10.0, blade=0.05, green=(0.10, 0.17, 0.025), dry=(0.30, 0.25, 0.09), seed=1):
    mat = patterned((0.03, 0.025, 0.012), (0.05, 0.06, 0.015), 3)
    bpy.ops.mesh.primitive_plane_add(size=60, location=(0, 0, -0.02))
    bpy.context.object.data.materials.append(patterned((0.05, 0.08, 0.015), (0.12, 0.13, 0.035), 1.5, bump=0))
    bpy.ops.mesh.primitive_grid_add(size=size, x_subdivisions=60, y_subdivisions=60)
    field = bpy.context.object
    field.data.materials.append(mat)

    def colour(p, t):
        patch = (np.sin(p[:, :1] * 2.1 + 1.5 * np.sin(p[:, 1:2] * 1.7)) * np.sin(p[:, 1:2] * 2.3 + p[:, :1]) + 1) / 2
        odd = (np.sin(p[:, :1] * 9173) * 0.5 + 0.5) ** 3
        return mix(green, dry, np.clip(patch * 0.3 + odd * 0.7, 0, 1)) * (0.35 + 0.65 * t)

    def tall(p):
        return blade * (0.9 + 0.12 * np.sin(p[:, 0] * 3.7 + 2 * np.sin(p[:, 1] * 1.3)) * np.sin(p[:, 1] * 2.9 + p[:, 0]))

    def lean(p):
        return np.stack([np.sin(p[:, 1] * 7 + p[:, 0] * 3), np.cos(p[:, 0] * 6), 0 * p[:, 0]], 1)

    fur(field, n, tall, colour, lean, lay=0.35, thick=0.0028, clump=0.1, messy=0.35, seed=seed, gloss=0.2)

    def leaf(p, t):
        return mix((0.01, 0.025, 0.006), (0.07, 0.13, 0.02), t) * np.ones((len(p), 1))

    rng = np.random.default_rng(seed)                                       # bushes all round, at the wood's edge
    ring = [(5.6 * math.cos(a), 5.6 * math.sin(a), 0, tuple(rng.uniform((0.5, 0.5, 0.55), (0.9, 0.9, 1.0))))
            for a in np.arange(0, 6.28, 0.13)]
    hedge = blob([[p] for p in ring], 0.06, 4, material((0.01, 0.018, 0.005), 0.9))
    fur(hedge, 60000, lambda p: np.full(len(p), 0.22), leaf, lambda p: np.sin(p[:, [1, 2, 0]] * 9),
        lay=0.4, thick=0.012, clump=0, messy=0.5, seed=seed, gloss=0.2)


def studio(colour=(0.9, 0.88, 0.86)):
    """A seamless backdrop."""
    bm = bmesh.new()
    prof = [(3.0, 0.0)] + [(-2.0 - math.sin(a), 1 - math.cos(a)) for a in np.linspace(0, math.pi / 2, 16)] + [(-3.0, 6.0)]
    rows = [[bm.verts.new((x, y, z)) for x, z in prof] for y in (-8, 8)]
    for i in range(len(prof) - 1):
        bm.faces.new((rows[0][i], rows[0][i + 1], rows[1][i + 1], rows[1][i])).smooth = True
    mesh = bpy.data.meshes.new("studio")
    bm.to_mesh(mesh)
    mesh.materials.append(material(colour, 0.8))
    link(bpy.data.objects.new("studio", mesh))


def table(dark=(0.13, 0.055, 0.02), light=(0.36, 0.17, 0.07)):
    wood = patterned(dark, light, 2.2, (1.2, 14, 1), 0.32, 0.04)
    for i in range(-5, 6):
        box((0, i * 0.3, -0.05), (1.7, 0.295, 0.1), wood, 0.008)


# ---------------------------------------------------------------- bears


def teddy(colour, pads, nose=(0.03, 0.015, 0.01), bow=None, arms="down", seed=0):
    """A sitting teddy bear, about 0.75 m tall, facing +x."""
    arm = {"down": [(0.02, 0.17, 0.40, 0.075), (0.10, 0.27, 0.27, 0.085), (0.20, 0.27, 0.17, 0.08)],
           "open": [(0.02, 0.17, 0.40, 0.075), (0.08, 0.31, 0.35, 0.085), (0.16, 0.40, 0.34, 0.08)]}[arms]
    body = blob([
        [(0, 0, 0.20, (0.21, 0.23, 0.20)), (0, 0, 0.36, (0.16, 0.18, 0.16))],
        [(0.02, 0, 0.62, (0.19, 0.215, 0.185))],
        [(0.17, 0, 0.575, (0.085, 0.105, 0.08))],
        *pair([(-0.01, 0.165, 0.765, (0.045, 0.085, 0.085))]),
        *pair(arm),
        *pair([(0.05, 0.15, 0.11, 0.11), (0.34, 0.23, 0.10, 0.085), (0.385, 0.235, 0.125, (0.055, 0.09, 0.12))]),
    ], voxel=0.012, smooth=5, mat=material(tuple(0.65 * c for c in colour), 0.9))
    soles, muzzle, ear, eye = (0.46, 0.24, 0.13), (0.22, 0, 0.575), (0.06, 0.165, 0.765), (0.192, 0.078, 0.665)

    def tint(p, t):
        soft = np.maximum(np.maximum(both(p, soles, (0.05, 0.06, 0.085), 0.15), near(p, muzzle, (0.1, 0.1, 0.078), 0.12)),
                          both(p, ear, (0.05, 0.055, 0.055), 0.2))
        return mix(colour, pads, soft) * (0.55 + 0.5 * t)

    def length(p):
        short = np.maximum(both(p, soles, (0.06, 0.07, 0.09), 0.2), near(p, muzzle, (0.11, 0.11, 0.085), 0.2))[:, 0]
        return 0.034 * (1 - 0.5 * short) * (1 - both(p, eye, 0.03, 0.1)[:, 0])

    def comb(p):
        return np.stack([0.3 * np.sin(p[:, 2] * 31 + p[:, 1] * 17), np.sin(p[:, 0] * 23 + p[:, 2] * 19), -0.6 + 0 * p[:, 0]], 1)

    fur(body, 160000, length, tint, comb, lay=0.38, thick=0.0013, clump=0.55, messy=0.28, seed=seed, gloss=0.25)
    shiny, thread = material((0.008, 0.006, 0.005), 0.08), material(nose, 0.4)
    balls(eye, 0.026, shiny)
    blob([[(0.258, 0, 0.61, (0.02, 0.035, 0.021))], [(0.262, 0, 0.595, (0.016, 0.02, 0.018))]], 0.004, 3, thread)
    blob([[(0.266, 0, 0.59, 0.0065), (0.268, 0, 0.555, 0.0065)],
          *pair([(0.268, 0.001, 0.555, 0.0065), (0.262, 0.025, 0.542, 0.0065), (0.252, 0.045, 0.548, 0.0065)])], 0.003, 2, thread)
    if bow:
        cloth = patterned(bow, tuple(1.4 * c for c in bow), 160, rough=0.85, bump=0.3)
        blob(pair([(0.19, 0.02, 0.455, (0.02, 0.02, 0.022)), (0.185, 0.12, 0.458, (0.028, 0.03, 0.06))]), 0.006, 3, cloth)
        blob([[(0.20, 0, 0.455, (0.03, 0.028, 0.032))]], 0.006, 2, cloth)


def front_leg(y, step):
    return [(0.36 + 0.1 * step, 0.75 * y, 0.71, (0.19, 0.14, 0.24)), (0.32 + 0.5 * step, y, 0.43, 0.135),
            (0.36 + step, y, 0.16, 0.105), (0.38 + step, y, 0.08, 0.09), (0.46 + step, y, 0.07, (0.10, 0.105, 0.065))]


def hind_leg(y, step):
    return [(-0.50, 0.65 * y, 0.66, (0.25, 0.17, 0.28)), (-0.42 + 0.5 * step, y, 0.39, 0.155), (-0.52 + step, y, 0.18, 0.11),
            (-0.53 + step, y, 0.08, 0.085), (-0.36 + step, y, 0.07, (0.105, 0.10, 0.065))]


def bear(kind, seed=0, turn=0.0, nod=6.0, stride=0.12):
    """A wild bear on all fours, 1.8 m long, facing +x. turn, nod: the head, in degrees to its left and down."""
    grizzly = kind == "grizzly"
    body = [
        [(-0.60, 0, 0.74, (0.22, 0.26, 0.27)), (-0.32, 0, 0.74, (0.27, 0.31, 0.30)), (0.05, 0, 0.70, (0.27, 0.31, 0.30)),
         (0.36, 0, 0.75, (0.25, 0.29, 0.29)), (0.60, 0, 0.83, (0.20, 0.22, 0.24)), (0.80, 0, 0.87, (0.16, 0.18, 0.19))],
        [(-0.80, 0, 0.80, 0.05), (-0.84, 0, 0.71, 0.04)],
        *(front_leg(y, step) for y, step in ((-0.20, stride), (0.20, -stride))),
        *(hind_leg(y, step) for y, step in ((-0.20, -stride), (0.20, stride))),
    ]
    if grizzly:
        body.append([(0.0, 0, 0.89, (0.22, 0.17, 0.14)), (0.26, 0, 0.98, (0.22, 0.17, 0.17)), (0.46, 0, 0.93, (0.2, 0.16, 0.15))])
    # the head, drawn around its own centre
    if grizzly:
        ear, ear_r = (-0.07, 0.13, 0.13), (0.03, 0.047, 0.050)
        head = [[(-0.12, 0, -0.02, (0.16, 0.19, 0.18)), (0.0, 0, 0.01, (0.14, 0.16, 0.14))],
                *pair([(-0.02, 0.10, -0.06, 0.09)]),
                [(0.06, 0, -0.03, (0.10, 0.10, 0.085)), (0.235, 0, -0.055, (0.07, 0.078, 0.066))],
                [(0.06, 0, -0.09, 0.085), (0.21, 0, -0.11, 0.055)]]
        eye, nose = (0.124, 0.066, 0.05), (0.30, 0, -0.03)
    else:
        ear, ear_r = (-0.07, 0.115, 0.145), (0.03, 0.045, 0.052)
        head = [[(-0.12, 0, -0.02, (0.15, 0.165, 0.17)), (0.0, 0, 0.02, (0.13, 0.14, 0.125))],
                *pair([(-0.01, 0.075, -0.05, 0.08)]),
                [(0.06, 0, 0.0, (0.10, 0.085, 0.085)), (0.24, 0, -0.045, (0.06, 0.058, 0.056))],
                [(0.08, 0, -0.08, 0.065), (0.21, 0, -0.10, 0.036)]]
        eye, nose = (0.105, 0.072, 0.04), (0.29, 0, -0.03)
    head += pair([(*ear, ear_r)])
    spin = (Matrix.Translation((0.92, 0, 0.89)) @ Matrix.Rotation(math.radians(turn), 4, "Z")
            @ Matrix.Rotation(math.radians(nod), 4, "Y") @ Matrix.Scale(1.18 if grizzly else 1.08, 4))
    under = (0.10, 0.05, 0.02) if grizzly else (0.006, 0.005, 0.005)
    skin = material(under, 0.9)
    trunk = blob(body, 0.02, 10, skin)
    skull = blob(head, 0.01, 4, skin)

    def shade(p, t, legs):
        if grizzly:
            c = mix((0.05, 0.022, 0.009), (0.36, 0.21, 0.095), t ** 1.5)
            dark = np.clip((0.60 - p[:, 2:]) / 0.33, 0, 1)
            return mix(c, (0.03, 0.015, 0.008), 0.85 * dark * legs)
        return mix((0.005, 0.0045, 0.0045), (0.018, 0.015, 0.014), t) * np.ones((len(p), 1))

    def body_length(p):
        legs = np.clip(p[:, 2] / 0.62, 0, 1)
        return (0.035 + 0.055 * legs) * (1.2 if grizzly else 0.95)

    def body_comb(p):
        legs = np.clip((0.66 - p[:, 2]) / 0.3, 0, 1)
        return np.stack([-1 + 0.7 * legs, 0 * legs, -0.55 - legs], 1)

    fur(trunk, 300000, body_length, lambda p, t: shade(p, t, legs=1), body_comb, lay=0.72, thick=0.0017,
        clump=0.5, messy=0.14, seed=seed, gloss=0.4)

    def head_colour(p, t):
        c = shade(p, t, legs=0)
        if grizzly:
            c = mix(c, mix((0.09, 0.045, 0.02), (0.20, 0.115, 0.055), t), near(p, (0.22, 0, -0.06), (0.14, 0.10, 0.10), 0.5))
            return mix(c, c * 0.45, both(p, eye, 0.035, 0.8))
        tan = mix((0.13, 0.065, 0.03), (0.30, 0.175, 0.09), t)
        return mix(c, tan, near(p, (0.22, 0, -0.055), (0.125, 0.09, 0.085), 0.35))

    def head_length(p):
        bare = np.maximum(near(p, nose, (0.05, 0.045, 0.035), 0.1), both(p, eye, 0.018, 0.2))[:, 0]
        back = np.clip((0.11 - p[:, 0]) / 0.26, 0, 1)
        cheek = np.clip((np.abs(p[:, 1]) - 0.05) / 0.12, 0, 1) * np.clip(-p[:, 2] / 0.1 + 0.4, 0, 1) * back
        ears = both(p, ear, 0.06, 0.3)[:, 0]
        size = (0.012 + 0.045 * back + (0.05 if grizzly else 0.02) * cheek)
        return np.where(bare > 0.5, 0, mix(size, 0.026, ears))

    def head_comb(p):
        out = np.stack([-1.0 + 0 * p[:, 0], p[:, 1] * 4, p[:, 2] * 3 - 0.25], 1)
        return mix(out, unit(p - (-0.1, 0, 0)), both(p, ear, 0.06, 0.3))

    hair = fur(skull, 170000, head_length, head_colour, head_comb, lay=0.7, thick=0.0011,
               clump=0.45, messy=0.16, seed=seed + 1, gloss=0.4)
    wet, black = material((0.012, 0.006, 0.004), 0.05), material((0.012, 0.011, 0.011), 0.45)
    parts = [skull, hair, *balls(eye, 0.0155, wet),
             blob([[(nose[0] - 0.012, 0, nose[2], (0.019, 0.039, 0.023))],
                   [(nose[0] - 0.005, 0, nose[2] - 0.02, (0.018, 0.018, 0.02))]], 0.005, 3, black)]
    bpy.context.view_layer.update()
    for part in parts:
        part.matrix_world = spin @ part.matrix_world


# ---------------------------------------------------------------- pictures


def teddy_1():
    table()
    teddy((0.50, 0.25, 0.075), (0.72, 0.52, 0.28), bow=(0.35, 0.01, 0.015), seed=1)
    world((0.55, 0.52, 0.42), 0.5)
    lamp((2.2, 1.6, 2.4), (0, 0, 0.4), 130, 1.2, (1, 0.93, 0.83))
    lamp((-0.8, -2, 1.8), (0, 0, 0.4), 60, 1.0, (1, 0.85, 0.7))
    camera((2.4, 0.75, 1.0), (0.06, 0, 0.385), 70, 2.8, (0.2, 0, 0.6))


def teddy_2():
    studio()
    teddy((0.93, 0.50, 0.53), (0.97, 0.86, 0.80), nose=(0.35, 0.05, 0.08), seed=2, arms="open")
    world((1, 1, 1), 0.6)
    lamp((2.2, -1.6, 2.6), (0, 0, 0.4), 120, 1.8)
    lamp((0.5, 2.4, 1.2), (0, 0, 0.4), 40, 1.5, (1, 0.93, 0.9))
    camera((2.6, -0.35, 0.75), (0.06, 0, 0.39), 70, 5.6, (0.2, 0, 0.6))


def teddy_3():
    cloth = patterned((0.10, 0.16, 0.20), (0.14, 0.21, 0.26), 220, rough=0.9, bump=0.35, detail=2)
    for y in (-0.62, 0.62):
        box((0.1, y, -0.14), (1.1, 1.22, 0.28), cloth, 0.09)
        box((-0.42, y, 0.35), (0.30, 1.22, 0.85), cloth, 0.12, (0, -0.15, 0))
    yellow = patterned((0.55, 0.33, 0.08), (0.65, 0.42, 0.12), 150, rough=0.9, bump=0.3)
    box((-0.16, 0.42, 0.2), (0.16, 0.46, 0.46), yellow, 0.075, (0.1, -0.35, -0.2))
    box((-2.0, 0, 0), (0.1, 12, 8), material((0.62, 0.56, 0.48), 0.9))
    teddy((0.115, 0.048, 0.02), (0.50, 0.33, 0.18), seed=3)
    world((0.7, 0.75, 0.85), 0.35)
    lamp((1.8, -2.2, 2.2), (0, 0, 0.4), 140, 1.6, (1, 0.96, 0.9))
    camera((2.5, -0.95, 0.85), (0.0, 0.05, 0.375), 62, 2.8, (0.2, 0, 0.6))


def black_1():
    meadow()
    bear("black", seed=1, turn=-20)
    forest()
    sun((-0.6, 0.9, -0.8), 5)
    lamp((1.5, -4, 1.5), (0, 0, 0.4), 100, 3, (0.85, 0.92, 1))
    camera((2.0, -3.9, 0.85), (0.20, 0, 0.56), 66, 5.6, (0.6, -0.2, 0.8))


def black_2():
    bear("black", seed=2)
    forest(seed=3)
    sun((-0.9, 0.7, -1.0), 5)
    lamp((3, -2, 2), (0.8, 0, 0.8), 80, 2, (0.85, 0.92, 1))
    camera((3.2, -1.3, 1.15), (0.88, 0, 0.88), 95, 2.8, (1.0, -0.1, 0.9))


def grizzly_1():
    meadow(dry=(0.38, 0.29, 0.10), green=(0.14, 0.17, 0.03), seed=2)
    bear("grizzly", seed=3, turn=-25, nod=14)
    forest((0.03, 0.025, 0.008), (0.38, 0.27, 0.06), seed=5, strength=1.5)
    sun((-0.6, 0.9, -0.8), 5)
    lamp((1.5, -4, 1.5), (0, 0, 0.4), 60, 3, (1, 0.95, 0.85))
    camera((2.5, -3.6, 0.85), (0.20, 0, 0.59), 68, 5.6, (0.6, -0.2, 0.8))


def grizzly_2():
    meadow(seed=3)
    bear("grizzly", seed=4)
    forest(seed=7)
    sun((-0.9, 0.5, -1.0), 5)
    lamp((3, -1, 1), (0.8, 0, 0.8), 35, 2, (1, 0.97, 0.93))
    camera((3.4, -0.8, 1.05), (0.80, 0, 0.80), 82, 4.0, (1.0, -0.05, 0.9))


def other_mug():
    table((0.30, 0.19, 0.10), (0.50, 0.34, 0.20))
    glaze = material((0.03, 0.17, 0.30), 0.15)
    bpy.ops.mesh.primitive_cylinder_add(vertices=256, radius=0.3, depth=0.62, location=(0, 0, 0.31))
    cup = bpy.context.object
    bm = bmesh.new()
    bm.from_mesh(cup.data)
    bmesh.ops.delete(bm, geom=[max(bm.faces, key=lambda f: f.calc_center_median().z)], context="FACES_ONLY")
    bm.to_mesh(cup.data)
    for kind, settings in (("SOLIDIFY", dict(thickness=0.03)), ("BEVEL", dict(width=0.012, segments=4))):
        mod = cup.modifiers.new(kind, kind)
        for key, value in settings.items():
            setattr(mod, key, value)
    cup.data.materials.append(glaze)
    bpy.ops.mesh.primitive_torus_add(major_radius=0.17, minor_radius=0.035, location=(0, 0.31, 0.32), rotation=(0, math.pi / 2, 0),
                                     major_segments=64, minor_segments=24)
    bpy.context.object.data.materials.append(glaze)
    bpy.ops.object.shade_smooth()
    disc((0, 0, 0.53), 0.275, 0.01, material((0.035, 0.014, 0.006), 0.08), round_=0.001)
    world((0.8, 0.8, 0.75), 0.5)
    lamp((1.0, -2.2, 2.2), (0, 0, 0.3), 90, 1.2, (1, 0.95, 0.88))
    camera((2.3, 0.3, 1.35), (0, 0.08, 0.28), 70, 2.8, (0.25, 0, 0.4))


def other_car():
    table((0.30, 0.19, 0.10), (0.50, 0.34, 0.20))
    red, black = material((0.55, 0.008, 0.01), 0.2, Coat_Weight=0.6), material((0.015,) * 3, 0.5)
    chrome, glass = material((0.8,) * 3, 0.15, Metallic=1.0), material((0.05, 0.09, 0.13), 0.05)
    prism([(-0.64, 0.16), (0.64, 0.16), (0.66, 0.30), (0.60, 0.37), (0.28, 0.41), (-0.50, 0.41), (-0.64, 0.36)], 0.56, red, 0.06)
    prism([(-0.45, 0.38), (-0.30, 0.64), (0.12, 0.64), (0.32, 0.38)], 0.48, red, 0.05)
    prism([(-0.355, 0.42), (-0.27, 0.58), (-0.11, 0.58), (-0.11, 0.42)], 0.485, glass, 0.02)
    prism([(-0.06, 0.42), (-0.06, 0.58), (0.09, 0.58), (0.22, 0.42)], 0.485, glass, 0.02)
    box((0.222, 0, 0.505), (0.02, 0.37, 0.17), glass, 0.009, (0, -math.atan2(0.20, 0.26), 0))
    flat = (math.pi / 2, 0, 0)
    for x in (-0.40, 0.40):
        for y in (-0.28, 0.28):
            disc((x, y, 0.145), 0.145, 0.12, black, flat, 0.03)
            disc((x, y, 0.145), 0.075, 0.135, chrome, flat)
    box((0.665, 0, 0.18), (0.05, 0.54, 0.07), chrome, 0.024)
    balls((0.64, 0.19, 0.29), (0.03, 0.055, 0.045), material((0.9, 0.85, 0.6), 0.1))
    world((0.8, 0.8, 0.75), 0.5)
    lamp((1.0, -2.2, 2.2), (0, 0, 0.3), 90, 1.5, (1, 0.95, 0.88))
    camera((2.3, -2.1, 1.15), (0.03, 0, 0.25), 78, 4, (0.3, -0.28, 0.3))


PICTURES = {f.__name__.replace("_", "-"): f for f in (
    teddy_1, teddy_2, teddy_3, black_1, black_2, grizzly_1, grizzly_2, other_mug, other_car)}


def without_comments(jpeg):
    """The same picture without Blender's notes (date, render time, ...)."""
    kept, i = jpeg[:2], 2
    while jpeg[i + 1] != 0xDA:                                              # until the image data starts
        end = i + 2 + int.from_bytes(jpeg[i + 2:i + 4], "big")
        if jpeg[i + 1] != 0xFE:
            kept += jpeg[i:end]
        i = end
    return kept + jpeg[i:]


def render(name, out, preview):
    bpy.ops.wm.read_factory_settings(use_empty=True)
    start = time.time()
    PICTURES[name]()
    scene = bpy.context.scene
    scene.render.engine = "CYCLES"
    scene.cycles.samples = 16 if preview else 64
    scene.cycles.max_bounces = 6
    scene.cycles.use_denoising = True
    scene.cycles.denoiser = "OPENIMAGEDENOISE"
    scene.view_settings.view_transform, scene.view_settings.look = "AgX", "AgX - Medium High Contrast"
    scene.view_settings.exposure = 0.3
    scene.render.resolution_x = scene.render.resolution_y = 384 if preview else 512
    scene.render.image_settings.file_format, scene.render.image_settings.quality = "JPEG", 90
    path = (out / f"{name}.jpg").resolve()
    scene.render.filepath = str(path)
    built = time.time()
    bpy.ops.render.render(write_still=True)
    path.write_bytes(without_comments(path.read_bytes()))
    print(f"{name}: built in {built - start:.0f} s, rendered in {time.time() - built:.0f} s")


if __name__ == "__main__":
    cli = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    cli.add_argument("name", nargs="?", choices=PICTURES)
    cli.add_argument("--out", type=pathlib.Path, default=pathlib.Path("out"))
    cli.add_argument("--preview", action="store_true")
    args = cli.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    for name in [args.name] if args.name else PICTURES:
        render(name, args.out, args.preview)
