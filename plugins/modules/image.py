#!/usr/bin/python
# Copyright (c) 2026, the pycontainer.engine authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: image
short_description: Images of a host, built, or from registries, archives, root file systems and containers
version_added: 0.1.0
description:
  - Builds images from Containerfiles, pulls them from registries, loads them from archives, has them sent from the controller without any
    registry, makes them from root file systems, names them, pushes them to registries and removes them.
  - Images are kept byte for byte as they came, so an image that is pushed on has the same digest there.
  - An image appears only when all of it is there, checked against its digests and synced to the disk. A task that was killed
    leaves nothing behind that the next call of any module does not take away.
  - What an image has lost of its layers, archives or documents, as after a power cut, a task that wants it present makes again from what is
    left, or from the registry that it came from. C(pycontainer system check) on the host finds what is damaged without being lost.
extends_documentation_fragment:
  - pycontainer.engine._attributes
  - pycontainer.engine._attributes.actiongroup_pycontainer
attributes:
  check_mode:
    support: full
    details:
      - The registry is asked what it has, so that the prediction is true. Nothing is stored.
      - With O(source=build), RV(actions) names the first step that would have to run.
      - With O(source=controller), RV(delivery) tells what would be sent.
  diff_mode:
    support: full
  idempotent:
    support: full
    details:
      - With O(pull=always) and with O(push), the digest in the registry is compared. It may change between two runs.
options:
  name:
    description:
      - The image, as C([registry[:port]/]repository[:tag][@digest]). Without a registry it is V(docker.io), without a tag
        V(latest). A digest wins over a tag.
      - With O(source=local) and with O(state=absent), an ID or the start of one does as well.
      - What could be read as an ID (V(sha256:...), 64 hexadecimal digits) is never a name, here and in every option that gives one. No registry is
        asked for an ID.
      - With O(source=load), the image of this name is taken from the archive. If the archive has one image only, it gets this
        name. By an ID, the image that has it is taken, under its names in the archive. Without it, all images of the archive are taken, under
        the names that the archive gives them.
      - Required unless O(source=load).
      - With O(source=build), the name that the image gets. The image that had it before loses it.
    type: str
  tag:
    description:
      - The tag, where O(name) has none.
    type: str
  state:
    description:
      - V(present) has the image on the host, with its names, and in the registries that O(push) sends it to.
      - V(absent) takes the name away. The image itself goes with its last name, or when it is given by ID.
    type: str
    choices: [present, absent]
    default: present
  source:
    description:
      - Where the image comes from.
      - V(pull) takes it from its registry, see O(pull).
      - V(load) takes it from an archive of C(docker save) or C(podman save), or from an OCI image layout (a directory or an archive),
        compressed or not, see O(path).
      - V(import) makes it from a root file system, a directory or an archive, see O(path). Its ID depends on the content and O(config)
        alone, so nothing changes as long as they don't.
      - V(controller) takes it from an archive or layout on the controller, see O(path), and sends the host over Ansible's own connection what
        it lacks of it. Layers that the host has are not sent. Of a layer that it has an earlier version of, only the files that it lacks are
        sent, and the host rebuilds the layer, see O(delta). A delivery that broke off goes on where it was when the task runs again.
      - V(local) expects that it is on the host already, to give it more names or to push it.
      - V(build) builds it from a Containerfile or Dockerfile, see O(build). Nothing is built as long as the file, the files it copies, the
        build arguments and the base image are the same and the image is still in the store.
      - V(container) makes it from a container and what that has changed of its own image's files, as C(docker commit) does, see O(container).
        Nothing is made as long as the container has not changed anything more.
      - V(squash) merges layers of an image into one, see O(squash).
    type: str
    choices: [pull, load, import, build, controller, container, squash, local]
    default: pull
  pull:
    description:
      - When O(source=pull) asks the registry.
      - V(missing) only when the image is not on the host. V(not_present) is another word for it.
      - V(always) each time. What is fetched is the digest only, unless it has changed.
      - V(never) fails when the image is not on the host.
    type: str
    choices: [missing, not_present, always, never]
    default: missing
  platform:
    description:
      - The platform to take, as C(os/architecture[/variant]), for example V(linux/arm64). The default is the host's.
      - With O(source=import), what the image is said to be for.
      - With O(source=build), what is built for. Base images are taken for it. With O(push) it may be several, C(RUN) needs an emulator of the kernel's
        binfmt_misc for what is not the host's. O(name) gets the image of the first, and what is pushed is an index of them all.
    type: list
    elements: str
  path:
    description:
      - For O(source=load) and O(source=import), a path on the host.
      - For O(source=controller), a path on the controller, of an archive or layout as for O(source=load). A relative one is looked for as
        that of M(ansible.builtin.copy). Of an archive with several images, the one called O(name) is taken.
      - Archives may be compressed with gzip, xz or bzip2, and with zstd where the host has libzstd, a Python module for it or the command
        C(zstd).
      - A directory that is imported is taken with owners, modes, times, hard links, device files, file capabilities and C(user.*)
        attributes. What is mounted below it is left out.
    type: path
  delta:
    description:
      - For O(source=controller), whether layers may be rebuilt on the host from files that it has. That saves nearly everything that an update
        would send and costs the host some time, which a fast network does not. With V(false) missing layers are always sent whole.
      - A rebuilt layer is checked against the digest of its content, so the image and its ID are the same in any case. Its compressed
        form, and with it the digest of the manifest, can be the same only where zlib made it, as this collection's own builds have it.
        Else the host compresses the layer itself and the manifest names that form.
    type: bool
    default: true
  build:
    description:
      - For O(source=build), what is built and how.
      - Each step's result is kept as an intermediate image, so that the next build goes on from the first thing that changed. They go
        with the images that came from them.
      - A step that fails is shown with its line and the end of its output. The image that had the name before keeps it.
    type: dict
    suboptions:
      path:
        description:
          - Directory on the host that files are copied from, the context. What its C(.containerignore) or C(.dockerignore) names is
            left out.
          - Or the address of a Git repository (C(https://HOST/PATH.git#REF:DIRECTORY), C(git@HOST:PATH)), which needs the program C(git) on the
            host, or C(http://) or C(https://) and an archive. These are fetched each time.
        type: path
        required: true
      dockerfile:
        description:
          - The file, relative to O(build.path) or, where that is a directory of the host, absolute. The default is C(Containerfile), else
            C(Dockerfile).
        type: str
      args:
        description: Values for the file's C(ARG) instructions. C(SOURCE_DATE_EPOCH) makes the build reproducible.
        type: dict
      target:
        description: The stage to build, by name or number. The default is the last.
        type: str
      pull:
        description: Whether registries are asked for newer base images. Without it they are asked for those only that the host lacks.
        type: bool
        default: false
      nocache:
        description: Whether every step is run, also those whose result is known. The task is changed then in any case.
        type: bool
        default: false
      nocache_filter:
        description: Stages whose steps are run as with O(build.nocache).
        type: list
        elements: str
      cache_from:
        description:
          - Caches that steps are taken from which are not known on this host. An image's name, or C(type=registry,ref=NAME), or
            C(type=local,src=DIRECTORY). They are read when the first step is missing. One that can't be read is a warning.
        type: list
        elements: str
      cache_to:
        description:
          - Where the cache of the build is written to, so that other hosts take steps from it. C(type=registry,ref=NAME), or
            C(type=local,dest=DIRECTORY), both with C(mode=max) for the steps of all stages and not the last one's alone, or C(type=inline) for
            the image itself. A directory has to be new, empty, or one with such a cache, which is replaced.
        type: list
        elements: str
      annotations:
        description: Annotations of the image's manifest.
        type: dict
      checks:
        description:
          - What becomes of rules of Docker's build checks that the file breaks. They are in RV(checks) in any case.
          - V(warn) makes them warnings of the task. V(error) has it fail before anything is built. V(ignore) does neither.
          - A file that has C(# check=error=true) fails with V(warn) as well. C(# check=skip=RULE) leaves a rule out.
          - In check mode the file is checked and nothing is built.
        type: str
        choices: [ignore, warn, error]
        default: warn
      squash:
        description: Whether the image has one layer for all steps, over those of the base image. The steps are in the cache nevertheless.
        type: bool
        default: false
      outputs:
        description:
          - What comes of the build beside the image in the store. What is there already as it would be written is left as it is.
        type: list
        elements: dict
        suboptions:
          type:
            description:
              - V(local) writes the image's files into a directory, with owners and modes. Files that the directory has beside them stay, and times make
                no difference.
              - V(tar) writes them into a tar archive.
              - V(oci) writes an OCI image layout, and V(docker) an archive as of C(docker save).
              - V(image) gives the image more names, and pushes it with them.
            type: str
            choices: [local, tar, oci, docker, image]
            required: true
          dest:
            description: The directory or file on the host. Needed for all types but V(image).
            type: path
          name:
            description: For V(oci) and V(docker), the names that the image has in the archive, where they are not O(name) and O(tags). For V(image),
              more names.
            type: list
            elements: str
          tar:
            description: For V(oci), whether the layout is an archive. With V(false) it is a directory.
            type: bool
          push:
            description: For V(image), whether the image is pushed with these names, or with all where there are none.
            type: bool
          privileged:
            description: For V(local), whether the directory is also given the image's device nodes, the set-id bits of its files and their capabilities.
              Without it they are left out, with a warning.
            type: bool
      allow:
        description:
          - What C(RUN) instructions may ask for beyond a container's usual powers. Without it such a file is refused.
          - V(security.insecure) is C(RUN --security=insecure), all capabilities and devices of the host and no filter of system calls. V(network.host) is
            C(RUN --network=host).
        type: list
        elements: str
        choices: [security.insecure, network.host]
      ignorefile:
        description: A file on the host that says what of the context is left out, in the place of the one that the context has.
        type: path
      limits:
        description:
          - Limits of C(RUN) instructions, with the names that they have in M(pycontainer.engine.container). V(memory), V(memory_swap), V(cpus),
            V(cpu_shares), V(cpu_period), V(cpu_quota), V(cpuset_cpus), V(cpuset_mems), V(ulimits) and V(cgroup_parent).
        type: dict
      network:
        description: Network of C(RUN) instructions that don't name one.
        type: str
        choices: [default, none, host]
        default: default
      labels:
        description: Labels for the image, over those of the file.
        type: dict
      contexts:
        description:
          - More contexts for C(COPY --from) and C(RUN --mount). Values are directories of the host, addresses as for O(build.path), or
            C(docker-image://) and an image. A name that is an image's or a stage's takes its place, in C(--from) and in C(FROM).
        type: dict
      secrets:
        description:
          - Secrets for C(RUN --mount=type=secret). They are in memory while the instruction runs and in no layer, and whether they change
            makes no difference to the cache.
        type: list
        elements: dict
        suboptions:
          id:
            description: What the file calls it.
            type: str
            required: true
          type:
            description: Whether it is read from a file of the host, from a variable of the module's environment, or given here.
            type: str
            choices: [file, env, value]
            default: file
          src:
            description: The file, with O(build.secrets[].type=file).
            type: path
          env:
            description: The variable, with O(build.secrets[].type=env).
            type: str
          value:
            description: The secret itself, with O(build.secrets[].type=value).
            type: str
      ssh:
        description: Sockets of SSH agents on the host for C(RUN --mount=type=ssh), by the ID that the file uses. Most files use V(default).
        type: dict
      etc_hosts:
        description: Lines for C(/etc/hosts) while C(RUN) instructions run, names and their addresses. The address may be V(host-gateway).
        type: dict
      shm_size:
        description: Size of C(/dev/shm) while C(RUN) instructions run, for example V(128m).
        type: str
  container:
    description:
      - For O(source=container), the container, by name, ID or the start of one. It need not run.
      - The image gets the container's command, environment, labels, user, working directory and ports over those of its image. Volumes are
        not in it.
    type: str
  author:
    description:
      - For O(source=container), the author that the image names.
    type: str
  changes:
    description:
      - For O(source=container) and O(source=import), instructions of a Containerfile that change the image's configuration, C(CMD), C(ENTRYPOINT),
        C(ENV), C(EXPOSE), C(HEALTHCHECK), C(LABEL), C(ONBUILD), C(STOPSIGNAL), C(USER), C(VOLUME) and C(WORKDIR).
    type: list
    elements: str
  pause:
    description:
      - For O(source=container), whether a running container is frozen while its files are read.
    type: bool
    default: true
  squash:
    description:
      - For O(source=squash), what is merged. Of files that one of the merged layers deletes or replaces in another, nothing is left.
      - The merged image depends on the layers alone. Nothing changes as long as they don't.
    type: dict
    suboptions:
      image:
        description: The image whose layers are merged. Without it, O(name), which the merged image takes over.
        type: str
      from_layer:
        description:
          - What stays below as it is, the number of upper layers to merge, a layer's DiffID or the start of one, or an image that this one
            stands on. Without it, all layers are merged.
        type: str
  config:
    description:
      - For O(source=import), the image's configuration.
    type: dict
    suboptions:
      command:
        description: Default command, a list of words.
        type: list
        elements: str
      entrypoint:
        description: What the command is appended to, a list of words.
        type: list
        elements: str
      env:
        description: Environment variables. C(true) and C(false) have to be quoted, and numbers such as C("1.10"), which YAML does not keep as they are.
        type: dict
      labels:
        description: Labels.
        type: dict
      exposed_ports:
        description: Ports that the image's service listens on, for example V(80/tcp) or V(53/udp).
        type: list
        elements: str
      working_dir:
        description: Working directory, an absolute path.
        type: str
      user:
        description: User to run as, as C(user[:group]), by name or number.
        type: str
      volumes:
        description: Paths in the container that get an anonymous volume.
        type: list
        elements: str
      stop_signal:
        description: Signal that asks the container to end, for example V(SIGQUIT).
        type: str
  comment:
    description:
      - For O(source=import) and O(source=container), the comment in the image's history.
    type: str
  tags:
    description:
      - More names for the image, as in O(name). Names that it has beside these stay.
    type: list
    elements: str
  repository:
    description:
      - One more name, and the one that O(push) pushes to. Without a tag it has that of O(name).
    type: str
  push:
    description:
      - Push the image to the registry of O(repository), or of O(name) where that is not given. Nothing is sent if the
        registry has the same image under that tag. Of its layers, only those are sent that the registry lacks.
    type: bool
    default: false
  index:
    description:
      - With O(push), names or IDs of more images on the host, for other platforms. They are pushed as well, and the tag gets an index of them all,
        O(name)'s image first, from which each host pulls the one for its platform.
    type: list
    elements: str
  sign:
    description:
      - With O(push), sign what the registry has under the tag then, in cosign's manner, unless it has a signature by this key.
      - Signatures that are there stay. O(verify) and C(cosign verify) accept the result.
    type: dict
    suboptions:
      key:
        description:
          - The path of a file on the host with the private key in PEM form (ECDSA, Ed25519 or RSA), as C(openssl genpkey) makes it. A key of
            C(cosign generate-key-pair) is in a form of its own, which is not read.
        type: path
        required: true
      passphrase:
        description:
          - The key's passphrase, where it has one.
        type: str
      referrer:
        description:
          - Whether the signature is stored as a referrer of the image (OCI 1.1), as cosign 3 does, and not under the tag V(sha256-DIGEST.sig).
        type: bool
        default: false
  archive_path:
    description:
      - An archive on the host that is to hold the image under its names, as C(docker save) writes it and with an OCI layout in it. It is
        written anew unless it is byte for byte the same. M(pycontainer.engine.image_export) has more.
    type: path
  prune:
    description:
      - With O(state=absent), whether images without a name that the image came from go with it.
    type: bool
    default: true
  force_absent:
    description:
      - With O(state=absent), take away an image that is given by ID although it has several names, by a digest although it has names in other
        repositories, or by its last name although containers use it. In that case it loses its names, and goes when it is removed again after its
        containers are gone.
    type: bool
    default: false
  verify:
    description:
      - With O(source=pull), the image must be signed with this key, in cosign's manner. Its signatures are looked for in its registry, as the
        tag V(sha256-DIGEST.sig) and as referrers, and checked before anything is pulled. What was checked is what is pulled.
      - An image that is on the host already is checked as well, by the signatures that the registry has for it now.
      - An image that is not signed so, or can't be checked, is refused. Checking needs C(python3-cryptography) or the command C(openssl) on
        the host.
      - The host's policy in C(/etc/pycontainer/policy.json) has to accept the image in any case, see
        U(https://github.com/pycontainer/engine/blob/main/docs/trust.md).
    type: dict
    suboptions:
      key:
        description:
          - The public key (ECDSA, Ed25519 or RSA) in PEM form, or the path of a file on the host with it.
        type: str
        required: true
      repository:
        description:
          - The repository that the signature must be for, where it is not that of O(name), for example because the image was copied from
            there. A signature that names a tag as well must name that of O(name).
        type: str
      digest_only:
        description:
          - Whether a signature will do that does not say which repository it is for. Sigstore bundles, which C(cosign) 3 makes by default, have
            no name in them, and are refused without this. With it, names in signatures are not looked at, so any image that was ever signed with
            the key is accepted under O(name); whoever can write to the registry can put an old or another one there.
        type: bool
        default: false
  mirrors:
    description:
      - Registries to ask before that of O(name), each as V(HOST[:PORT]) with the path below which it has the registry's repositories, if any.
        They are asked in this order for everything that is pulled, also for base images with O(source=build), never for a push.
      - They come before those of the host's C(registries.conf).
    type: list
    elements: str
  insecure:
    description:
      - Whether plain HTTP, or a certificate that can't be verified, will do for the registries of O(name) and O(mirrors). It does not go for
        addresses that they lead to. Registries on this host's loopback addresses never need it.
    type: bool
    default: false
  validate_certs:
    description:
      - Whether the registry's certificate is verified. V(false) still insists on TLS, unlike O(insecure).
    aliases: [tls_verify, tlsverify]
    type: bool
    default: true
  ca_path:
    description:
      - File with the certificates (PEM) of the authorities to trust. Without it, the host's own are trusted, and those for the
        registry in C(/etc/containers/certs.d) and C(/etc/docker/certs.d).
    type: path
  client_cert:
    description:
      - File with the certificate (PEM) to show to the registry.
    type: path
  client_key:
    description:
      - File with the key (PEM) of O(client_cert).
    type: path
  auth_file:
    description:
      - File with the registry's credentials, in the form of Docker's C(config.json). The default is where
        M(pycontainer.engine.registry_login), C(docker login) and C(podman login) keep them.
    aliases: [authfile]
    type: path
author:
  - The pycontainer.engine authors (@pycontainer)
seealso:
  - module: pycontainer.engine.image_info
  - module: pycontainer.engine.image_export
  - module: pycontainer.engine.prune
  - module: pycontainer.engine.registry_login
  - module: pycontainer.engine.container
"""

EXAMPLES = r"""
- name: Have an image
  pycontainer.engine.image:
    name: registry.example.com/shop/web:1.4

- name: Have what the registry has under this tag now
  pycontainer.engine.image:
    name: registry.example.com/shop/web:stable
    pull: always

- name: Have an image that must be signed, by way of a mirror
  pycontainer.engine.image:
    name: registry.example.com/shop/web:1.4
    verify:
      key: /etc/pycontainer/shop.pub
    mirrors: [mirror.example.com:5000]

- name: Make an image from a directory, and push it
  pycontainer.engine.image:
    name: 127.0.0.1:5000/demo/web:1
    source: import
    path: /srv/demo/root
    config:
      command: [httpd, -f, -p, "80", -h, /www]
      exposed_ports: [80/tcp]
      env:
        MODE: prod
    push: true

- name: Build an image
  pycontainer.engine.image:
    name: shop/web:1.5
    source: build
    build:
      path: /srv/shop/web
      args:
        VERSION: "1.5"
      secrets:
        - id: token
          src: /root/token

- name: Build an image with one layer of its own, and have its files and an OCI archive of it
  pycontainer.engine.image:
    name: shop/web:1.5-slim
    source: build
    build:
      path: /srv/shop/web
      args:
        VERSION: "1.5"
      squash: true
      outputs:
        - type: local
          dest: /var/tmp/web-files
        - type: oci
          dest: /var/tmp/web-oci.tar

- name: Build an image for two platforms, and push an index of both
  pycontainer.engine.image:
    name: registry.example.com/shop/web:1.5-both
    source: build
    platform: [linux/amd64, linux/arm64]
    build:
      path: /srv/shop/web
      dockerfile: Containerfile.static
    push: true

- name: Load all images of an archive
  pycontainer.engine.image:
    source: load
    path: /var/tmp/images.tar.gz

- name: Have an image that was built in CI on all hosts, without a registry
  pycontainer.engine.image:
    name: shop/web:1.5
    source: controller
    path: artifacts/web-1.5.tar

- name: Push an image on to another registry
  pycontainer.engine.image:
    name: shop/web:1.4
    source: local
    repository: mirror.example.com/shop/web
    push: true

- name: Push an image for two platforms under one name, signed
  pycontainer.engine.image:
    name: shop/web:1.5-amd64
    source: local
    index: [shop/web:1.5-arm64]
    repository: registry.example.com/shop/web:1.5
    push: true
    sign:
      key: /etc/pycontainer/shop.key

- name: Give an image two more names
  pycontainer.engine.image:
    name: registry.example.com/shop/web:1.4
    tags:
      - web:current
      - web:1

- name: Make an image of a container as it is now
  pycontainer.engine.image:
    name: shop/web:snapshot
    source: container
    container: shop
    comment: before the migration
    changes:
      - LABEL snapshot=true

- name: Merge all layers that are above the base image
  pycontainer.engine.image:
    name: shop/web:slim
    source: squash
    squash:
      image: shop/web:snapshot
      from_layer: shop/web:1.4

- name: Have an image in an archive, too
  pycontainer.engine.image:
    name: shop/web:slim
    source: local
    archive_path: /var/tmp/web.tar

- name: Remove an image
  pycontainer.engine.image:
    name: web:1
    state: absent
"""

RETURN = r"""
image:
  description:
    - The image as C(docker image inspect) shows it, and the digest of its manifest.
    - In check mode, what it would be. Empty with O(state=absent).
    - When an archive with several images is loaded, the first of them.
  returned: always
  type: dict
  sample:
    Id: sha256:c7a00d2a3ab77655256831978a4ef4dc835352e313148bb0564efde4015e1b2a
    RepoTags: ["127.0.0.1:5000/demo/web:1"]
    RepoDigests: ["127.0.0.1:5000/demo/web@sha256:c208425f891d542265151bc9acfba907e3fe0ccc558d2320cdb2ec722d7dc866"]
    Created: "2026-11-24T09:44:54Z"
    Architecture: amd64
    Os: linux
    Size: 1982256
    Config:
      Cmd: [httpd, -f]
    RootFS:
      Type: layers
      Layers: ["sha256:6ea6cef08baed30e7cc965de430d898be9dde71dafb11516ca7fd7dce48b5c61"]
    ManifestDigest: sha256:c208425f891d542265151bc9acfba907e3fe0ccc558d2320cdb2ec722d7dc866
image_names:
  description: The names of all images of the archive that are taken from it, and the IDs of those without a name.
  returned: success and O(source=load)
  type: list
  elements: str
  sample: ["app:1", "app:latest"]
images:
  description: The images that are taken from the archive, each as RV(image). In check mode, what they would be.
  returned: success and O(source=load)
  type: list
  elements: dict
tagged_images:
  description: The names that the image was given and did not have, such as those of O(tags). In check mode, that it would be given.
  returned: success and O(state=present)
  type: list
  elements: str
  sample: ["web:current"]
untagged:
  description: The names and digests that were taken away, or in check mode would be.
  returned: success and O(state=absent)
  type: list
  elements: str
  sample: ["web:1"]
deleted:
  description:
    - The IDs of the images that were removed, or in check mode would be. Of an image with other names, or that a container uses, none.
    - With O(prune=true) those of images without a name that it was built from, too.
  returned: success and O(state=absent)
  type: list
  elements: str
  sample: ["sha256:c7a00d2a3ab77655256831978a4ef4dc835352e313148bb0564efde4015e1b2a"]
checks:
  description: Rules of Docker's build checks that the Containerfile breaks, see O(build.checks).
  returned: with O(source=build), and with a failure because of O(build.checks=error)
  type: list
  elements: dict
  contains:
    rule:
      description: The rule's name.
      type: str
    line:
      description: The line of the instruction.
      type: int
    message:
      description: What is not as it should be.
      type: str
  sample:
    - rule: JSONArgsRecommended
      line: 7
      message: CMD as a line for the shell runs below a shell, which hands on no signals; a JSON list of words does not
delivery:
  description: What was sent, or in check mode would be.
  returned: with O(source=controller)
  type: dict
  contains:
    layers:
      description: How many layers were sent whole.
      type: int
    rebuilt:
      description: How many layers the host rebuilt.
      type: int
    files:
      description: How many files' contents were sent for the layers that were rebuilt.
      type: int
    bytes_sent:
      description: Bytes that were sent for all this, beside the module itself.
      type: int
    bytes_total:
      description: Bytes of all layers of the image as they are in the archive.
      type: int
  sample:
    layers: 0
    rebuilt: 5
    files: 20
    bytes_sent: 263154
    bytes_total: 162556927
actions:
  description: What was changed, or in check mode would be.
  returned: always
  type: list
  elements: str
  sample: ["pull image registry.example.com/shop/web:1.4"]
"""

from ..module_utils import _frontend  # noqa: E402


def main():
    _frontend.run(
        "builds.task",
        "image",
        {
            "name": {"type": "str"},
            "tag": {"type": "str"},
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
            "source": {
                "type": "str",
                "choices": [
                    "pull",
                    "load",
                    "import",
                    "build",
                    "controller",
                    "container",
                    "squash",
                    "local",
                ],
                "default": "pull",
            },
            "pull": {
                "type": "str",
                "choices": ["missing", "not_present", "always", "never"],
                "default": "missing",
            },
            "platform": {"type": "list", "elements": "str"},
            "path": {"type": "path"},
            "container": {"type": "str"},
            "author": {"type": "str"},
            "changes": {"type": "list", "elements": "str"},
            "pause": {"type": "bool", "default": True},
            "squash": {
                "type": "dict",
                "options": {"image": {"type": "str"}, "from_layer": {"type": "str"}},
            },
            "delta": {"type": "bool", "default": True},
            "config": {
                "type": "dict",
                "options": {
                    "command": {"type": "list", "elements": "str"},
                    "entrypoint": {"type": "list", "elements": "str"},
                    "env": {"type": "dict"},
                    "labels": {"type": "dict"},
                    "exposed_ports": {"type": "list", "elements": "str"},
                    "working_dir": {"type": "str"},
                    "user": {"type": "str"},
                    "volumes": {"type": "list", "elements": "str"},
                    "stop_signal": {"type": "str"},
                },
            },
            "build": {
                "type": "dict",
                "options": {
                    "path": {"type": "path", "required": True},
                    "dockerfile": {"type": "str"},
                    "args": {"type": "dict"},
                    "target": {"type": "str"},
                    "pull": {"type": "bool", "default": False},
                    "nocache": {"type": "bool", "default": False},
                    "nocache_filter": {"type": "list", "elements": "str"},
                    "cache_from": {"type": "list", "elements": "str"},
                    "cache_to": {"type": "list", "elements": "str"},
                    "annotations": {"type": "dict"},
                    "checks": {
                        "type": "str",
                        "choices": ["ignore", "warn", "error"],
                        "default": "warn",
                    },
                    "squash": {"type": "bool", "default": False},
                    "outputs": {
                        "type": "list",
                        "elements": "dict",
                        "options": {
                            "type": {
                                "type": "str",
                                "choices": ["local", "tar", "oci", "docker", "image"],
                                "required": True,
                            },
                            "dest": {"type": "path"},
                            "name": {"type": "list", "elements": "str"},
                            "tar": {"type": "bool"},
                            "push": {"type": "bool"},
                            "privileged": {"type": "bool"},
                        },
                    },
                    "allow": {
                        "type": "list",
                        "elements": "str",
                        "choices": ["security.insecure", "network.host"],
                    },
                    "ignorefile": {"type": "path"},
                    "limits": {"type": "dict"},
                    "network": {
                        "type": "str",
                        "choices": ["default", "none", "host"],
                        "default": "default",
                    },
                    "labels": {"type": "dict"},
                    "contexts": {"type": "dict"},
                    "secrets": {
                        "type": "list",
                        "elements": "dict",
                        "no_log": False,
                        "options": {
                            "id": {"type": "str", "required": True},
                            "type": {
                                "type": "str",
                                "choices": ["file", "env", "value"],
                                "default": "file",
                            },
                            "src": {"type": "path"},
                            "env": {"type": "str"},
                            "value": {"type": "str", "no_log": True},
                        },
                    },
                    "ssh": {"type": "dict"},
                    "etc_hosts": {"type": "dict"},
                    "shm_size": {"type": "str"},
                },
            },
            "comment": {"type": "str"},
            "tags": {"type": "list", "elements": "str"},
            "repository": {"type": "str"},
            "push": {"type": "bool", "default": False},
            "index": {"type": "list", "elements": "str"},
            "sign": {
                "type": "dict",
                "no_log": False,
                "options": {
                    "key": {"type": "path", "required": True, "no_log": False},
                    "passphrase": {"type": "str", "no_log": True},
                    "referrer": {"type": "bool", "default": False},
                },
            },
            "archive_path": {"type": "path"},
            "prune": {"type": "bool", "default": True},
            "force_absent": {"type": "bool", "default": False},
            "verify": {
                "type": "dict",
                "options": {
                    "key": {"type": "str", "required": True, "no_log": False},
                    "repository": {"type": "str"},
                    "digest_only": {"type": "bool", "default": False},
                },
            },
            "mirrors": {"type": "list", "elements": "str"},
            "insecure": {"type": "bool", "default": False},
            "validate_certs": {
                "type": "bool",
                "default": True,
                "aliases": ["tls_verify", "tlsverify"],
            },
            "ca_path": {"type": "path"},
            "client_cert": {"type": "path"},
            "client_key": {"type": "path"},
            "auth_file": {"type": "path", "aliases": ["authfile"]},
        },
    )


if __name__ == "__main__":
    main()
